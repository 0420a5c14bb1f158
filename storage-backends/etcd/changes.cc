#include "changes.h"

#include <algorithm>

namespace shoji::etcd {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;

// A value below this is not worth pieces of its own.
constexpr std::size_t kWorthPieces = 1024;
// Keys and framing of one change: record, condition and failure branch.
constexpr std::size_t kPerChange = 160;

RequestOp PutOp(std::string key, std::string value) {
  RequestOp op;
  op.mutable_request_put()->set_key(std::move(key));
  op.mutable_request_put()->set_value(std::move(value));
  return op;
}

RequestOp DeleteOp(std::string key, std::string end) {
  RequestOp op;
  op.mutable_request_delete_range()->set_key(std::move(key));
  op.mutable_request_delete_range()->set_range_end(std::move(end));
  return op;
}

// Frees a piece from its lease; fails when the piece is no longer there.
RequestOp KeepOp(std::string key) {
  RequestOp op;
  op.mutable_request_put()->set_key(std::move(key));
  op.mutable_request_put()->set_ignore_value(true);
  return op;
}

void CollectMarkers(const etcdserverpb::RangeResponse& range, Seen* out) {
  for (const mvccpb::KeyValue& kv : range.kvs()) out->generations[kv.key()] = kv.value();
}

std::size_t EstimateOf(const Change& change, const Layout& layout) {
  return change.value.size() + 3 * (layout.prefix().size() + change.key.size()) + kPerChange;
}

}  // namespace

Seen SeenIn(const etcdserverpb::TxnResponse& reply) {
  Seen out;
  out.revision = reply.header().revision();
  for (const auto& response : reply.responses()) CollectMarkers(response.response_range(), &out);
  return out;
}

Changes::Changes(const std::vector<sdk::StoreOp>& ops, const Layout* layout,
                 const Settings* settings)
    : layout_(layout), settings_(settings) {
  std::map<std::string_view, const sdk::StoreOp*> last;
  for (const sdk::StoreOp& op : ops) last[op.key] = &op;
  for (const auto& [key, op] : last) {
    list_.push_back({op->remove, key, op->remove ? std::string_view() : op->value, {}});
  }
}

std::vector<Change*> Changes::TooLarge() {
  std::uint64_t total = 0;
  std::vector<Change*> largest;
  for (Change& change : list_) {
    total += EstimateOf(change, *layout_);
    largest.push_back(&change);
  }
  std::stable_sort(largest.begin(), largest.end(), [](const Change* a, const Change* b) {
    return a->value.size() > b->value.size();
  });
  std::vector<Change*> out;
  for (Change* change : largest) {
    if (total <= RequestBudget(*settings_) || change->value.size() < kWorthPieces) break;
    total -= change->value.size();
    out.push_back(change);
  }
  return out;
}

void Changes::Append(const Change& change, const Seen& seen, std::vector<RequestOp>* out) const {
  const std::string marker = layout_->Marker(change.key);
  const auto old = seen.generations.find(marker);
  const bool had_pieces = old != seen.generations.end();
  if (change.remove) {
    out->push_back(DeleteOp(layout_->Record(change.key), ""));
  } else if (change.pieces.count == 0) {
    out->push_back(PutOp(layout_->Record(change.key), PackValue(change.key, change.value)));
  } else {
    const Pieces& pieces = change.pieces;
    out->push_back(PutOp(layout_->Record(change.key),
                         PackPieces(change.key, change.value, pieces.generation, pieces.count)));
    out->push_back(PutOp(marker, pieces.generation));
    for (std::uint32_t i = 0; i < pieces.count; ++i) {
      out->push_back(KeepOp(layout_->Piece(pieces.generation, i)));
    }
  }
  if (!had_pieces) return;
  if (change.pieces.count == 0) out->push_back(DeleteOp(marker, ""));
  const std::string gone = layout_->Pieces(old->second);
  out->push_back(DeleteOp(gone, EndOfPrefix(gone)));
}

// The markers that must not have changed: each by itself, or all between the first and the last
// when there are more than etcd lets us name.
std::vector<Changes::Range> Changes::Watched() const {
  std::vector<Range> out;
  if (list_.size() <= settings_->max_txn_ops / 2) {
    for (const Change& change : list_) out.push_back({layout_->Marker(change.key), ""});
  } else {
    out.push_back({layout_->Marker(list_.front().key),
                   layout_->Marker(list_.back().key) + std::string(1, '\0')});
  }
  return out;
}

Status Changes::Pack(std::vector<RequestOp> ops, TxnRequest* out) const {
  const std::size_t limit = settings_->max_txn_ops;
  if (ops.size() <= limit) {
    for (RequestOp& op : ops) *out->add_success() = std::move(op);
    return OkStatus();
  }
  // The lists of a nested transaction and the longest one around it share the limit.
  const std::size_t room = limit / 2;
  if (ops.size() > room * room) {
    return ResourceExhausted("a transaction of " + std::to_string(list_.size()) +
                             " changes needs " + std::to_string(ops.size()) +
                             " operations of etcd; at most " + std::to_string(room * room) +
                             " are possible with option max_txn_ops = " + std::to_string(limit) +
                             "; raise it and the server's --max-txn-ops, or change less at once");
  }
  for (std::size_t at = 0; at < ops.size(); at += room) {
    TxnRequest* inner = out->add_success()->mutable_request_txn();
    for (std::size_t i = at; i < std::min(at + room, ops.size()); ++i) {
      *inner->add_success() = std::move(ops[i]);
    }
  }
  return OkStatus();
}

Result<TxnRequest> Changes::Build(const Seen& seen) const {
  std::vector<RequestOp> ops;
  for (const Change& change : list_) Append(change, seen, &ops);
  TxnRequest request;
  SHOJI_RETURN_IF_ERROR(Pack(std::move(ops), &request));
  for (const Range& range : Watched()) {
    Compare* compare = request.add_compare();
    compare->set_target(Compare::MOD);
    compare->set_result(Compare::LESS);
    compare->set_mod_revision(seen.revision + 1);
    compare->set_key(range.first);
    compare->set_range_end(range.end);
    etcdserverpb::RangeRequest* read = request.add_failure()->mutable_request_range();
    read->set_key(range.first);
    read->set_range_end(range.end);
  }
  if (request.ByteSizeLong() <= RequestBudget(*settings_)) return request;
  return ResourceExhausted(
      "a transaction of " + std::to_string(list_.size()) + " changes needs a request of " +
      std::to_string(request.ByteSizeLong()) + " bytes; option max_request_bytes allows " +
      std::to_string(settings_->max_request_bytes) +
      "; raise it and the server's --max-request-bytes, or change less at once");
}

}  // namespace shoji::etcd

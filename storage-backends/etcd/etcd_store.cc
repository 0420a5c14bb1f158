#include "etcd_store.h"

#include "errors.h"
#include "shoji-etcd/rpc.pb.h"

namespace shoji::etcd {
namespace {

constexpr int kCommitTries = 32;  // each lost one means that another writer got on
constexpr int kReadTries = 8;     // each lost one means that the history was compacted meanwhile
constexpr int kPage = 1000;

std::int32_t AppendTo(void* ctx, const void* data, std::uint64_t size) noexcept {
  static_cast<std::string*>(ctx)->append(static_cast<const char*>(data),
                                         static_cast<std::size_t>(size));
  return SHOJI_OK;
}

bool Begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

// The secret that `reference` names; without the host's service it can only be the word itself.
Result<std::string> ReadSecret(const sdk::Host& host, const std::string& reference) {
  const auto* secrets = host.Service<shoji_secrets_v1>(SHOJI_SECRETS_V1);
  if (!SHOJI_HAS_SLOT(shoji_secrets_v1, secrets, read)) {
    if (Begins(reference, "file:") || Begins(reference, "env:")) {
      return FailedPrecondition("the host cannot look up secrets; write text:PASSWORD");
    }
    return Begins(reference, "text:") ? reference.substr(5) : reference;
  }
  std::string out;
  const shoji_sink sink = {sizeof(shoji_sink), 0, &out, AppendTo};
  const std::int32_t code = secrets->read(host.raw(), sdk::ToStr(reference), &sink, nullptr);
  if (code == SHOJI_OK) return out;
  // The reference may be the secret itself, and is not shown.
  return Status(static_cast<StatusCode>(code),
                "the secret cannot be read; file:PATH wants an absolute path readable by its "
                "owner alone, env:NAME a variable that is set");
}

}  // namespace

Result<std::unique_ptr<EtcdStore>> EtcdStore::Open(const sdk::Host& host,
                                                   const sdk::OptionMap& options) {
  SHOJI_ASSIGN_OR_RETURN(Settings settings, Settings::FromOptions(options));
  const std::string reference = settings.password;
  return OpenWith(std::move(settings), [&host, reference] { return ReadSecret(host, reference); });
}

Result<std::unique_ptr<EtcdStore>> EtcdStore::OpenWith(Settings settings,
                                                       Rpc::PasswordReader password) {
  std::unique_ptr<EtcdStore> store(new EtcdStore(std::move(settings), std::move(password)));
  SHOJI_RETURN_IF_ERROR(store->CheckFormat());
  return store;
}

// Writes the format's record unless it is there; what is there then.
Status EtcdStore::WriteFormat(std::string* ret_found) {
  etcdserverpb::TxnRequest request;
  etcdserverpb::Compare* absent = request.add_compare();
  absent->set_target(etcdserverpb::Compare::CREATE);
  absent->set_result(etcdserverpb::Compare::EQUAL);
  absent->set_key(layout_.Format());
  absent->set_create_revision(0);
  etcdserverpb::PutRequest* put = request.add_success()->mutable_request_put();
  put->set_key(layout_.Format());
  put->set_value(kFormat);
  request.add_failure()->mutable_request_range()->set_key(layout_.Format());
  etcdserverpb::TxnResponse reply;
  SHOJI_RETURN_IF_ERROR(WithQuota(rpc_.Call(kTxn, nullptr, request, &reply)));
  *ret_found = kFormat;
  if (reply.succeeded()) return OkStatus();
  ret_found->clear();
  for (const auto& kv : reply.responses(0).response_range().kvs()) *ret_found = kv.value();
  return OkStatus();
}

Status EtcdStore::CheckFormat() {
  etcdserverpb::RangeRequest request;
  request.set_key(layout_.Format());
  etcdserverpb::RangeResponse reply;
  SHOJI_RETURN_IF_ERROR(rpc_.Call(kRange, nullptr, request, &reply));
  std::string found;
  if (reply.kvs_size() > 0) {
    found = reply.kvs(0).value();
  } else {
    SHOJI_RETURN_IF_ERROR(WriteFormat(&found));
  }
  if (found == kFormat) return OkStatus();
  const std::string where = "etcd at " + rpc_.settings().Where() + ": key " + layout_.Format();
  if (Begins(found, kFormatName)) {
    return FailedPrecondition(where + " says that a newer version wrote the store; update Shoji");
  }
  return DataLoss(where + " holds something else than a store of Shoji; choose another prefix");
}

Status EtcdStore::Save(const shoji_call* call, std::string_view key, std::string_view value) {
  return Apply(call, {{false, key, value}});
}

Status EtcdStore::Remove(const shoji_call* call, std::string_view key) {
  return Apply(call, {{true, key, {}}});
}

Status EtcdStore::Apply(const shoji_call* call, const std::vector<sdk::StoreOp>& ops) {
  if (ops.empty()) return OkStatus();
  Status status = ApplyOnce(call, ops);
  // Slower than its lease: once more, from the beginning.
  if (IsPieceGone(status)) status = ApplyOnce(call, ops);
  if (IsPieceGone(status)) {
    status = Aborted("etcd at " + rpc_.settings().Where() +
                     ": the pieces of a large value expired before all were written");
  }
  return WithQuota(std::move(status));
}

Status EtcdStore::ApplyOnce(const shoji_call* call, const std::vector<sdk::StoreOp>& ops) {
  Changes changes(ops, &layout_, &rpc_.settings());
  Staging staging(&rpc_, &layout_, call);
  for (Change* change : changes.TooLarge()) {
    SHOJI_ASSIGN_OR_RETURN(change->pieces, staging.Upload(change->value));
  }
  return Commit(call, changes);
}

Status EtcdStore::Commit(const shoji_call* call, const Changes& changes) {
  Seen seen;
  for (int tries = 0; tries < kCommitTries; ++tries) {
    SHOJI_ASSIGN_OR_RETURN(const etcdserverpb::TxnRequest request, changes.Build(seen));
    etcdserverpb::TxnResponse reply;
    SHOJI_RETURN_IF_ERROR(rpc_.Call(kTxn, call, request, &reply));
    if (reply.succeeded()) return OkStatus();
    seen = SeenIn(reply);
  }
  return Aborted("etcd at " + rpc_.settings().Where() +
                 ": other writers replaced the same large values each time; try again");
}

Result<std::string> EtcdStore::Load(const shoji_call* call, std::string_view key) {
  etcdserverpb::RangeRequest request;
  request.set_key(layout_.Record(key));
  const std::string where =
      "record " + layout_.Record(key) + " in etcd at " + rpc_.settings().Where();
  for (int tries = 0; tries < kReadTries; ++tries) {
    etcdserverpb::RangeResponse reply;
    SHOJI_RETURN_IF_ERROR(rpc_.Call(kRange, call, request, &reply));
    if (reply.kvs_size() == 0) {
      return NotFound("there is no record \"" + std::string(key) + "\"");
    }
    const Result<Record> record = ParseRecord(reply.kvs(0).value());
    if (!record.ok()) return record.status().WithContext(where);
    Result<std::string> value = record->generation.empty()
                                    ? Result<std::string>(std::string(record->value))
                                    : LoadPieces(call, *record, reply.header().revision());
    if (!value.ok() && IsCompacted(value.status())) continue;
    if (!value.ok()) return value;
    Status whole = CheckValue(*record, key, *value);
    if (!whole.ok()) return std::move(whole).WithContext(where);
    return value;
  }
  return Aborted(where + " changes faster than it can be read; try again");
}

Result<std::string> EtcdStore::LoadPieces(const shoji_call* call, const Record& record,
                                          std::int64_t revision) {
  const std::string prefix = layout_.Pieces(record.generation);
  etcdserverpb::RangeRequest request;
  request.set_key(prefix);
  request.set_range_end(EndOfPrefix(prefix));
  request.set_revision(revision);
  etcdserverpb::RangeResponse reply;
  SHOJI_RETURN_IF_ERROR(rpc_.Call(kRange, call, request, &reply));
  std::string value;
  for (const auto& kv : reply.kvs()) value += kv.value();
  return value;
}

Result<std::vector<std::string>> EtcdStore::Scan(const shoji_call* call, std::string_view prefix) {
  Status status;
  for (int tries = 0; tries < kReadTries; ++tries) {
    std::vector<std::string> keys;
    status = ScanAt(call, prefix, &keys);
    if (status.ok()) return keys;
    if (!IsCompacted(status)) break;
  }
  return status;
}

// All pages as of the revision of the first.
Status EtcdStore::ScanAt(const shoji_call* call, std::string_view prefix,
                         std::vector<std::string>* out) {
  const std::size_t skip = layout_.Record("").size();
  etcdserverpb::RangeRequest request;
  request.set_key(layout_.Record(prefix));
  request.set_range_end(EndOfPrefix(layout_.Record(prefix)));
  request.set_limit(kPage);
  request.set_keys_only(true);
  for (bool more = true; more;) {
    etcdserverpb::RangeResponse reply;
    SHOJI_RETURN_IF_ERROR(rpc_.Call(kRange, call, request, &reply));
    for (const auto& kv : reply.kvs()) out->push_back(kv.key().substr(skip));
    more = reply.more() && reply.kvs_size() > 0;
    if (!more) break;
    request.set_key(reply.kvs(reply.kvs_size() - 1).key() + std::string(1, '\0'));
    request.set_revision(reply.header().revision());
  }
  return OkStatus();
}

// An error about space says how much is used.
Status EtcdStore::WithQuota(Status status) {
  if (status.code() != StatusCode::kResourceExhausted ||
      status.message().find("quota") == std::string::npos) {
    return status;
  }
  etcdserverpb::StatusRequest request;
  etcdserverpb::StatusResponse reply;
  if (!rpc_.Call(kStatus, nullptr, request, &reply).ok()) return status;
  return std::move(status).WithDetail("database_bytes", std::to_string(reply.dbsize()));
}

}  // namespace shoji::etcd

#include "store_checks_handle.h"

#include <algorithm>

#include "shoji/status.h"

namespace shoji::validate {
namespace {

constexpr std::size_t kShown = 48;

shoji_str Str(std::string_view text) { return {text.data(), text.size()}; }

std::int32_t Collect(void* ctx, const void* data, std::uint64_t size) {
  auto* answer = static_cast<Answer*>(ctx);
  ++answer->writes;
  if (size != 0) answer->value.append(static_cast<const char*>(data), std::size_t{size});
  return SHOJI_OK;
}

std::int32_t CollectKey(void* ctx, shoji_str key) {
  static_cast<std::vector<std::string>*>(ctx)->push_back(sdk::String(key));
  return SHOJI_OK;
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20; }

}  // namespace

std::string CodeName(std::int32_t code) {
  if (code < SHOJI_OK || code > SHOJI_UNAUTHENTICATED) return "code " + std::to_string(code);
  return std::string(StatusCodeName(static_cast<StatusCode>(code)));
}

std::string Show(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  if (text.size() <= kShown) return out + "\"";
  return out + "...\" (" + std::to_string(text.size()) + " bytes)";
}

std::string Answer::Text() const {
  if (error.message.empty()) return CodeName(code);
  return CodeName(code) + " (" + error.message + ")";
}

std::string Answer::Misconduct() const {
  if (code < SHOJI_OK || code > SHOJI_UNAUTHENTICATED) {
    return "the code " + std::to_string(code) + " is none of SHOJI_*";
  }
  if (ok()) return "";
  const std::string name = CodeName(code);
  if (error.message.empty()) return name + " comes without a message";
  if (error.code != code) {
    return "it returns " + name + ", but its error says " + CodeName(error.code);
  }
  if (std::any_of(error.message.begin(), error.message.end(), IsControl)) {
    return "the message " + Show(error.message) + " is not one line of text";
  }
  return "";
}

Handle::Handle(const StoreSubject& subject) : table_(subject.table) {
  opened_.code = table_->open(subject.plugin, subject.options, &store_, opened_.error.raw());
  if (!opened_.ok()) {
    store_ = nullptr;
    return;
  }
  if (store_ == nullptr) return;
  const auto* scan = table_->get_extension(store_, SHOJI_STORE_SCAN_V1);
  const auto* txn = table_->get_extension(store_, SHOJI_STORE_TXN_V1);
  scan_ = static_cast<const shoji_store_scan_v1*>(scan);
  txn_ = static_cast<const shoji_store_txn_v1*>(txn);
}

void Handle::Close() {
  if (store_ != nullptr) table_->close(store_);
  store_ = nullptr;
}

Answer Handle::Save(std::string_view key, std::string_view value, const shoji_call* call) const {
  Answer answer;
  answer.code = table_->save(store_, call, Str(key), Str(value), answer.error.raw());
  return answer;
}

Answer Handle::Load(std::string_view key, const shoji_call* call) const {
  Answer answer;
  const shoji_sink sink = {sizeof(shoji_sink), 0, &answer, Collect};
  answer.code = table_->load(store_, call, Str(key), &sink, answer.error.raw());
  return answer;
}

Answer Handle::LoadInto(std::string_view key, const shoji_sink* sink) const {
  Answer answer;
  answer.code = table_->load(store_, nullptr, Str(key), sink, answer.error.raw());
  return answer;
}

Answer Handle::Remove(std::string_view key, const shoji_call* call) const {
  Answer answer;
  answer.code = table_->remove(store_, call, Str(key), answer.error.raw());
  return answer;
}

Answer Handle::Scan(std::string_view prefix, std::vector<std::string>* keys,
                    const shoji_call* call) const {
  return ScanWith(prefix, CollectKey, keys, call);
}

Answer Handle::ScanWith(std::string_view prefix, shoji_store_visit visit, void* ctx,
                        const shoji_call* call) const {
  Answer answer;
  answer.code = scan_->scan(store_, call, Str(prefix), visit, ctx, answer.error.raw());
  return answer;
}

Answer Handle::Apply(const std::vector<Change>& changes, const shoji_call* call) const {
  std::vector<shoji_store_op> ops;
  std::vector<const shoji_store_op*> pointers;
  ops.reserve(changes.size());
  for (const Change& change : changes) {
    ops.push_back({sizeof(shoji_store_op), change.op, Str(change.key), Str(change.value)});
    pointers.push_back(&ops.back());
  }
  Answer answer;
  answer.code = txn_->apply(store_, call, pointers.data(),
                            static_cast<std::uint32_t>(pointers.size()), answer.error.raw());
  return answer;
}

}  // namespace shoji::validate

#include "testing/memory_store.h"

#include "plugin/error.h"
#include "plugin/slots.h"

namespace shoji::testing {
namespace {

std::string Text(shoji_str text) {
  return text.size == 0 ? std::string() : std::string(text.data, text.size);
}
MemoryStore& Of(shoji_store* store) { return *reinterpret_cast<MemoryStore*>(store); }

void Close(shoji_store*) {}

std::int32_t Save(shoji_store* s, const shoji_call*, shoji_str key, shoji_str value,
                  shoji_error* error) {
  return FillError(error, Of(s).Change([&] { Of(s).keys[Text(key)] = Text(value); }));
}

std::int32_t Load(shoji_store* s, const shoji_call*, shoji_str key, const shoji_sink* out,
                  shoji_error* error) {
  Status status = Of(s).Enter();
  const auto bad = Of(s).unreadable.find(Text(key));
  if (status.ok() && bad != Of(s).unreadable.end()) status = bad->second;
  if (!status.ok()) return FillError(error, status);
  const auto it = Of(s).keys.find(Text(key));
  if (it == Of(s).keys.end()) return FillError(error, NotFound("no key " + Text(key)));
  return out->write(out->ctx, it->second.data(), it->second.size());
}

std::int32_t Remove(shoji_store* s, const shoji_call*, shoji_str key, shoji_error* error) {
  return FillError(error, Of(s).Change([&] { Of(s).keys.erase(Text(key)); }));
}

std::int32_t Scan(shoji_store* s, const shoji_call*, shoji_str prefix, shoji_store_visit visit,
                  void* ctx, shoji_error* error) {
  if (const Status status = Of(s).Enter(); !status.ok()) return FillError(error, status);
  for (const auto& [key, value] : Of(s).keys) {
    if (key.rfind(Text(prefix), 0) != 0) continue;
    if (const std::int32_t code = visit(ctx, ToStr(key)); code != SHOJI_OK) return code;
  }
  return SHOJI_OK;
}

std::int32_t Apply(shoji_store* s, const shoji_call*, const shoji_store_op* const* ops,
                   std::uint32_t count, shoji_error* error) {
  return FillError(error, Of(s).Change([&] {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (ops[i]->op == SHOJI_STORE_OP_SAVE) {
        Of(s).keys[Text(ops[i]->key)] = Text(ops[i]->value);
      } else {
        Of(s).keys.erase(Text(ops[i]->key));
      }
    }
  }));
}

constexpr shoji_store_scan_v1 kScan = {sizeof(shoji_store_scan_v1), 0, Scan};
constexpr shoji_store_txn_v1 kTxn = {sizeof(shoji_store_txn_v1), 0, Apply};

const void* Extension(shoji_store* s, const char* id) {
  if (std::string(id) == SHOJI_STORE_SCAN_V1 && Of(s).can_scan) return &kScan;
  if (std::string(id) == SHOJI_STORE_TXN_V1 && Of(s).has_transactions) return &kTxn;
  return nullptr;
}

constexpr shoji_store_v1 kTable = {
    sizeof(shoji_store_v1), 0, nullptr, Close, Save, Load, Remove, Extension};

}  // namespace

std::unique_ptr<Store> MemoryStore::Open(const std::string& name) {
  return std::make_unique<Store>(&kTable, reinterpret_cast<shoji_store*>(this), name);
}

void MemoryStore::CrashAt(int change, bool applied) {
  changes_ = 0;
  crash_at_ = change;
  applied_ = applied;
}

void MemoryStore::Restart() {
  changes_ = 0;
  crash_at_ = 0;
  down_ = false;
}

Status MemoryStore::Enter() const {
  return down_ ? Unavailable("the store has crashed") : OkStatus();
}

}  // namespace shoji::testing

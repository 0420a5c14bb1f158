#include "memory_store.h"

namespace shoji::memory {

Result<std::unique_ptr<MemoryStore>> MemoryStore::Open(const sdk::Host& host,
                                                       const sdk::OptionMap& options) {
  const std::string name = options.Get("name");
  std::shared_ptr<Records> records = host.State<Shelf>().Find(name.empty() ? "default" : name);
  return std::unique_ptr<MemoryStore>(new MemoryStore(std::move(records)));
}

Status MemoryStore::Save(const shoji_call* /*call*/, std::string_view key, std::string_view value) {
  records_->Save(key, value);
  return OkStatus();
}

Status MemoryStore::LoadInto(const shoji_call* /*call*/, std::string_view key,
                             const shoji_sink* sink) {
  const Records::Value value = records_->Find(key);
  if (value != nullptr) return sdk::Put(sink, *value);
  return NotFound("there is no record \"" + std::string(key) + "\"");
}

Status MemoryStore::Remove(const shoji_call* /*call*/, std::string_view key) {
  records_->Remove(key);
  return OkStatus();
}

Result<std::vector<std::string>> MemoryStore::Scan(const shoji_call* /*call*/,
                                                   std::string_view prefix) {
  return records_->Keys(prefix);
}

Status MemoryStore::Apply(const shoji_call* /*call*/, const std::vector<sdk::StoreOp>& ops) {
  records_->Apply(ops);
  return OkStatus();
}

}  // namespace shoji::memory

// A store in the memory of one process.
//
// Purpose  For tests, and for embedders who keep nothing. Handles opened with the same `name`
//          through one loaded plugin see the same records; they last from the first open()
//          until the plugin is shut down. Nothing survives the process, and no other process
//          sees anything: the command line, where each command is a process, needs another
//          store.
// Threads  Safe; readers run side by side, writers take turns.
// Example  MemoryStore::Open(host, options); store->Save(nullptr, "a", "1");
#ifndef SHOJI_MEMORY_MEMORY_STORE_H_
#define SHOJI_MEMORY_MEMORY_STORE_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "records.h"
#include "shoji/sdk/store.h"

namespace shoji::memory {

class MemoryStore {
 public:
  // Option "name"; empty: "default".
  static Result<std::unique_ptr<MemoryStore>> Open(const sdk::Host& host,
                                                   const sdk::OptionMap& options);

  Status Save(const shoji_call* call, std::string_view key, std::string_view value);
  Status LoadInto(const shoji_call* call, std::string_view key, const shoji_sink* sink);
  Status Remove(const shoji_call* call, std::string_view key);
  Result<std::vector<std::string>> Scan(const shoji_call* call, std::string_view prefix);
  Status Apply(const shoji_call* call, const std::vector<sdk::StoreOp>& ops);

 private:
  explicit MemoryStore(std::shared_ptr<Records> records) : records_(std::move(records)) {}

  std::shared_ptr<Records> records_;
};

}  // namespace shoji::memory

#endif  // SHOJI_MEMORY_MEMORY_STORE_H_

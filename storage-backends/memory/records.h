// Records in memory, and the shelf on which a plugin keeps several sets of them by name.
//
// Threads  Safe.
// Example  std::shared_ptr<Records> records = shelf.Find("default");
#ifndef SHOJI_MEMORY_RECORDS_H_
#define SHOJI_MEMORY_RECORDS_H_

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/thread_annotations.h"
#include "shoji/sdk/store.h"

namespace shoji::memory {

class Records {
 public:
  // Shared with whoever is reading it, so that no lock is held while a caller's sink runs.
  using Value = std::shared_ptr<const std::string>;

  // Null when there is none.
  Value Find(std::string_view key) const;
  void Save(std::string_view key, std::string_view value);
  void Remove(std::string_view key);
  // All of them, while nobody looks. Memory that runs out changes nothing.
  void Apply(const std::vector<sdk::StoreOp>& ops);
  std::vector<std::string> Keys(std::string_view prefix) const;

 private:
  using Map = std::map<std::string, Value, std::less<>>;

  mutable std::shared_mutex mutex_;
  Map map_;  // under mutex_, which the analysis does not know
};

class Shelf {
 public:
  // The records of that name, empty ones when there were none.
  std::shared_ptr<Records> Find(const std::string& name);

 private:
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<Records>> named_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::memory

#endif  // SHOJI_MEMORY_RECORDS_H_

// What a map for several threads takes: readers side by side, writers alone.
#include <map>
#include <mutex>
#include <shared_mutex>

#include "subject.h"

namespace shoji::benchmark_stores {
namespace {

class Memory : public Subject {
 public:
  Status Save(const std::string& key, const std::string& value) override {
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    values_[key] = value;
    return OkStatus();
  }
  Result<std::string> Load(const std::string& key) override {
    const std::shared_lock<std::shared_mutex> lock(mutex_);
    const auto it = values_.find(key);
    if (it == values_.end()) return NotFound(key);
    return it->second;
  }

 private:
  std::shared_mutex mutex_;
  std::map<std::string, std::string> values_;
};

}  // namespace

Opened OpenRawMemory() { return std::unique_ptr<Subject>(std::make_unique<Memory>()); }

}  // namespace shoji::benchmark_stores

#include <map>

#include "subject.h"

namespace shoji::benchmark_stores {
namespace {

class Memory : public Subject {
 public:
  Status Save(const std::string& key, const std::string& value) override {
    values_[key] = value;
    return OkStatus();
  }
  Result<std::string> Load(const std::string& key) override {
    const auto it = values_.find(key);
    if (it == values_.end()) return NotFound(key);
    return it->second;
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace

Opened OpenRawMemory() { return std::unique_ptr<Subject>(std::make_unique<Memory>()); }

}  // namespace shoji::benchmark_stores

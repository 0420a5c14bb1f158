// A way to keep values under keys: a store plugin, or the engine below it used directly.
//
// Threads  One.
// Example  std::unique_ptr<Subject> raw = OpenRawSqlite(dir); raw->Save("k", "v");
#ifndef SHOJI_BENCHMARKS_STORES_SUBJECT_H_
#define SHOJI_BENCHMARKS_STORES_SUBJECT_H_

#include <map>
#include <memory>
#include <string>

#include "shoji/status.h"

namespace shoji::benchmark_stores {

class Subject {
 public:
  virtual ~Subject() = default;
  virtual Status Save(const std::string& key, const std::string& value) = 0;
  virtual Result<std::string> Load(const std::string& key) = 0;
};

using Opened = Result<std::unique_ptr<Subject>>;

// The plugin file `path`, loaded as the host does.
Opened OpenPlugin(const std::string& path, const std::map<std::string, std::string>& options);

// Each with the durability and the settings of the plugin of that name, in `dir`.
Opened OpenRawFiles(const std::string& dir);
Opened OpenRawSqlite(const std::string& dir);
Opened OpenRawLevelDb(const std::string& dir);
Opened OpenRawRocksDb(const std::string& dir);
Opened OpenRawMemory();
Opened OpenRawEtcd(const std::string& endpoint);

}  // namespace shoji::benchmark_stores

#endif  // SHOJI_BENCHMARKS_STORES_SUBJECT_H_

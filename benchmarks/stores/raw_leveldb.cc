#include <leveldb/cache.h>
#include <leveldb/db.h>

#include "subject.h"

namespace shoji::benchmark_stores {
namespace {

class LevelDb : public Subject {
 public:
  Status Open(const std::string& path) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.paranoid_checks = true;
    options.write_buffer_size = 4U << 20U;
    options.max_open_files = 64;
    options.block_cache = cache_.get();
    leveldb::DB* db = nullptr;
    const leveldb::Status status = leveldb::DB::Open(options, path, &db);
    db_.reset(db);
    return status.ok() ? OkStatus() : Internal(status.ToString());
  }

  Status Save(const std::string& key, const std::string& value) override {
    leveldb::WriteOptions options;
    options.sync = true;
    const leveldb::Status status = db_->Put(options, key, value);
    return status.ok() ? OkStatus() : Internal(status.ToString());
  }
  Result<std::string> Load(const std::string& key) override {
    leveldb::ReadOptions options;
    options.verify_checksums = true;
    std::string value;
    const leveldb::Status status = db_->Get(options, key, &value);
    if (!status.ok()) return Internal(status.ToString());
    return value;
  }

 private:
  const std::unique_ptr<leveldb::Cache> cache_{leveldb::NewLRUCache(1U << 20U)};
  std::unique_ptr<leveldb::DB> db_;
};

}  // namespace

Opened OpenRawLevelDb(const std::string& dir) {
  auto store = std::make_unique<LevelDb>();
  SHOJI_RETURN_IF_ERROR(store->Open(dir + "/raw-leveldb"));
  return std::unique_ptr<Subject>(std::move(store));
}

}  // namespace shoji::benchmark_stores

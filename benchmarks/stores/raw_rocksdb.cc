#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include "subject.h"

namespace shoji::benchmark_stores {
namespace {

class RocksDb : public Subject {
 public:
  explicit RocksDb(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}

  Status Save(const std::string& key, const std::string& value) override {
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status status = db_->Put(options, key, value);
    return status.ok() ? OkStatus() : Internal(status.ToString());
  }
  Result<std::string> Load(const std::string& key) override {
    rocksdb::ReadOptions options;
    options.verify_checksums = true;
    std::string value;
    const rocksdb::Status status = db_->Get(options, key, &value);
    if (!status.ok()) return Internal(status.ToString());
    return value;
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

Opened OpenRawRocksDb(const std::string& dir) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.write_buffer_size = 4U << 20U;
  options.max_background_jobs = 1;
  options.max_open_files = 64;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(1U << 20U, 0);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, dir + "/raw-rocksdb", &db);
  if (!status.ok()) return Internal(status.ToString());
  return std::unique_ptr<Subject>(std::make_unique<RocksDb>(std::unique_ptr<rocksdb::DB>(db)));
}

}  // namespace shoji::benchmark_stores

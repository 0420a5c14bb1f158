#include <rocksdb/db.h>
#include <rocksdb/options.h>

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
  options.write_buffer_size = 4U << 20U;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, dir + "/raw-rocksdb", &db);
  if (!status.ok()) return Internal(status.ToString());
  return std::unique_ptr<Subject>(std::make_unique<RocksDb>(std::unique_ptr<rocksdb::DB>(db)));
}

}  // namespace shoji::benchmark_stores

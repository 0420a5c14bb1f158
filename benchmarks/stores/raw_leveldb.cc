#include <leveldb/db.h>

#include "subject.h"

namespace shoji::benchmark_stores {
namespace {

class LevelDb : public Subject {
 public:
  explicit LevelDb(std::unique_ptr<leveldb::DB> db) : db_(std::move(db)) {}

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
  std::unique_ptr<leveldb::DB> db_;
};

}  // namespace

Opened OpenRawLevelDb(const std::string& dir) {
  leveldb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = 4U << 20U;
  leveldb::DB* db = nullptr;
  const leveldb::Status status = leveldb::DB::Open(options, dir + "/raw-leveldb", &db);
  if (!status.ok()) return Internal(status.ToString());
  return std::unique_ptr<Subject>(std::make_unique<LevelDb>(std::unique_ptr<leveldb::DB>(db)));
}

}  // namespace shoji::benchmark_stores

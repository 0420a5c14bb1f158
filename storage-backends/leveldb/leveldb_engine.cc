#include "leveldb_engine.h"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/write_batch.h>

#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "damage.h"
#include "oneprocess/failure.h"
#include "shoji/base/thread_annotations.h"

namespace shoji::leveldb_store {
namespace {

leveldb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view ToView(const leveldb::Slice& slice) { return {slice.data(), slice.size()}; }

// Instead of LevelDB's file LOG. Of all it says, what it drops from a log is told nowhere
// else with the name of the file.
class Listener : public leveldb::Logger {
 public:
  void Logv(const char* format, std::va_list args) override {
    if (std::string_view(format).find("dropping") == std::string_view::npos) return;
    char line[1024];
    std::vsnprintf(line, sizeof(line), format, args);
    const MutexLock lock(mutex_);
    if (dropped_.empty()) dropped_ = line;
  }
  std::string dropped() const {
    const MutexLock lock(mutex_);
    return dropped_;
  }

 private:
  mutable Mutex mutex_;
  std::string dropped_ SHOJI_GUARDED_BY(mutex_);
};

Status ToStatus(const leveldb::Status& status, const std::string& db, const std::string& dropped) {
  using oneprocess::FailureKind;
  std::string text = status.ToString();
  // A missing file and a database that is not there have codes of their own in LevelDB, and
  // neither is the answer to the question.
  const bool lost = status.IsNotFound() || status.IsInvalidArgument();
  const bool io = status.IsIOError();
  if (lost || status.IsCorruption()) {
    const std::string where = dropped.empty() ? FindDamage(db) : dropped;
    if (!where.empty()) text += " (" + where + ")";
  }
  const FailureKind kind = io                              ? FailureKind::kIo
                           : lost || status.IsCorruption() ? FailureKind::kCorruption
                                                           : FailureKind::kOther;
  return oneprocess::Failure(kind, text, "leveldb", db);
}

class LevelDbEngine : public oneprocess::Engine {
 public:
  explicit LevelDbEngine(std::string path, const LevelDbSettings& settings)
      : path_(std::move(path)), cache_(leveldb::NewLRUCache(settings.cache)) {}

  Status Open(bool create, const LevelDbSettings& settings) {
    leveldb::Options options;
    options.create_if_missing = create;
    options.paranoid_checks = true;  // else a damaged log is dropped in silence
    options.info_log = &listener_;
    options.write_buffer_size = settings.write_buffer;
    options.max_open_files = 64;
    options.block_cache = cache_.get();
    options.compression =
        settings.compression ? leveldb::kSnappyCompression : leveldb::kNoCompression;
    leveldb::DB* db = nullptr;
    const leveldb::Status status = leveldb::DB::Open(options, path_, &db);
    db_.reset(db);
    return status.ok() ? OkStatus() : Fail(status);
  }

  Status Get(std::string_view key, const shoji_sink* sink) override {
    std::string value;
    const leveldb::Status status = db_->Get(Checked(), ToSlice(key), &value);
    if (status.ok()) return sdk::Put(sink, value);
    // "NotFound: ": the key. With more text it is a file that has gone.
    if (status.IsNotFound() && status.ToString() == leveldb::Status::NotFound("").ToString()) {
      return NotFound("there is no record \"" + std::string(key) + "\"");
    }
    return Fail(status);
  }

  Status Write(const std::vector<sdk::StoreOp>& ops) override {
    leveldb::WriteBatch batch;
    for (const sdk::StoreOp& op : ops) {
      if (op.remove) {
        batch.Delete(ToSlice(op.key));
      } else {
        batch.Put(ToSlice(op.key), ToSlice(op.value));
      }
    }
    leveldb::WriteOptions options;
    options.sync = true;
    const leveldb::Status status = db_->Write(options, &batch);
    return status.ok() ? OkStatus() : Fail(status);
  }

  Status Walk(std::string_view prefix,
              const std::function<bool(std::string_view)>& visit) override {
    leveldb::ReadOptions options = Checked();
    options.fill_cache = false;
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator(options));
    for (at->Seek(ToSlice(prefix)); at->Valid() && visit(ToView(at->key()));) at->Next();
    return at->status().ok() ? OkStatus() : Fail(at->status());
  }

 private:
  static leveldb::ReadOptions Checked() {
    leveldb::ReadOptions options;
    options.verify_checksums = true;
    return options;
  }
  Status Fail(const leveldb::Status& status) const {
    return ToStatus(status, path_, listener_.dropped());
  }

  const std::string path_;
  Listener listener_;
  const std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<leveldb::DB> db_;  // last: it uses the others until it is closed
};

}  // namespace

Result<std::unique_ptr<oneprocess::Engine>> OpenLevelDb(const std::string& db, bool create,
                                                        const LevelDbSettings& settings) {
  auto engine = std::make_unique<LevelDbEngine>(db, settings);
  SHOJI_RETURN_IF_ERROR(engine->Open(create, settings));
  return std::unique_ptr<oneprocess::Engine>(std::move(engine));
}

}  // namespace shoji::leveldb_store

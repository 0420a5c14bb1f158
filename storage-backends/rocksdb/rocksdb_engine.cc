#include "rocksdb_engine.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "oneprocess/failure.h"
#include "shoji/base/thread_annotations.h"

namespace shoji::rocksdb_store {
namespace {

rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// Instead of the file LOG, which grows by 20 KB with each open. What RocksDB drops from a log
// is told nowhere else with the name of the file.
class Listener : public rocksdb::Logger {
 public:
  Listener() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
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

bool HasSnappy() {
  const auto kinds = rocksdb::GetSupportedCompressions();
  return std::find(kinds.begin(), kinds.end(), rocksdb::kSnappyCompression) != kinds.end();
}

// Few threads and files: each command of Shoji opens the database for a moment.
void KeepSmall(rocksdb::Options* options, const RocksDbSettings& settings) {
  options->write_buffer_size = settings.write_buffer;
  options->arena_block_size = 64U << 10U;
  options->max_write_buffer_number = 2;
  options->max_total_wal_size = 2 * settings.write_buffer;
  options->max_background_jobs = 1;
  options->max_subcompactions = 1;
  options->max_open_files = 64;
  options->max_file_opening_threads = 1;
  options->table_cache_numshardbits = 1;
  options->manifest_preallocation_size = 64U << 10U;
  options->allow_fallocate = false;
  options->keep_log_file_num = 1;
  options->stats_dump_period_sec = 0;
  options->stats_persist_period_sec = 0;
  options->skip_stats_update_on_db_open = true;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(settings.cache, 0);
  table.format_version = 5;
  options->table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options->compression =
      settings.compression && HasSnappy() ? rocksdb::kSnappyCompression : rocksdb::kNoCompression;
}

rocksdb::Options OptionsOf(bool create, const RocksDbSettings& settings) {
  rocksdb::Options options;
  options.create_if_missing = create;
  options.paranoid_checks = true;
  // A log cut off by a crash is no damage, a hole in it is. The default loses all that was
  // written after the hole, in silence.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // After a failed write the engine is opened anew; no thread of RocksDB's own shall try it.
  options.max_bgerror_resume_count = 0;
  KeepSmall(&options, settings);
  return options;
}

class RocksDbEngine : public oneprocess::Engine {
 public:
  explicit RocksDbEngine(std::string path)
      : path_(std::move(path)), listener_(std::make_shared<Listener>()) {}

  Status Open(bool create, const RocksDbSettings& settings) {
    rocksdb::Options options = OptionsOf(create, settings);
    options.info_log = listener_;
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options, path_, &db);
    db_.reset(db);
    return status.ok() ? OkStatus() : Fail(status);
  }

  Status Get(std::string_view key, const shoji_sink* sink) override {
    rocksdb::PinnableSlice value;  // of a table: a view into the cache
    const rocksdb::Status status = db_->Get({}, db_->DefaultColumnFamily(), ToSlice(key), &value);
    if (status.ok()) return sdk::Put(sink, ToView(value));
    if (status.IsNotFound()) return NotFound("there is no record \"" + std::string(key) + "\"");
    return Fail(status);
  }

  Status Write(const std::vector<sdk::StoreOp>& ops) override {
    rocksdb::WriteBatch batch;
    for (const sdk::StoreOp& op : ops) {
      const rocksdb::Status added =
          op.remove ? batch.Delete(ToSlice(op.key)) : batch.Put(ToSlice(op.key), ToSlice(op.value));
      if (!added.ok()) return Fail(added);
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status status = db_->Write(options, &batch);
    return status.ok() ? OkStatus() : Fail(status);
  }

  Status Walk(std::string_view prefix,
              const std::function<bool(std::string_view)>& visit) override {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options));
    for (at->Seek(ToSlice(prefix)); at->Valid() && visit(ToView(at->key()));) at->Next();
    return at->status().ok() ? OkStatus() : Fail(at->status());
  }

 private:
  Status Fail(const rocksdb::Status& status) const {
    using oneprocess::FailureKind;
    // "Does not exist" comes as an invalid argument; then the files are lost.
    const bool lost = status.IsCorruption() || status.IsPathNotFound() || status.IsNotFound() ||
                      status.IsInvalidArgument();
    const FailureKind kind = lost                                    ? FailureKind::kCorruption
                             : status.IsIOError() || status.IsBusy() ? FailureKind::kIo
                                                                     : FailureKind::kOther;
    const std::string dropped = listener_->dropped();
    const std::string where = lost && !dropped.empty() ? " (" + dropped + ")" : "";
    return oneprocess::Failure(kind, status.ToString() + where, "rocksdb", path_);
  }

  const std::string path_;
  const std::shared_ptr<Listener> listener_;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

Result<std::unique_ptr<oneprocess::Engine>> OpenRocksDb(const std::string& db, bool create,
                                                        const RocksDbSettings& settings) {
  auto engine = std::make_unique<RocksDbEngine>(db);
  SHOJI_RETURN_IF_ERROR(engine->Open(create, settings));
  return std::unique_ptr<oneprocess::Engine>(std::move(engine));
}

}  // namespace shoji::rocksdb_store

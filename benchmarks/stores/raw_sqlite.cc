#include <sqlite3.h>

#include "subject.h"

namespace shoji::benchmark_stores {
namespace {

constexpr char kSave[] =
    "INSERT INTO record VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value";

class Sqlite : public Subject {
 public:
  ~Sqlite() override {
    sqlite3_finalize(save_);
    sqlite3_finalize(load_);
    sqlite3_close(db_);
  }

  Status Open(const std::string& path) {
    const bool ok =
        sqlite3_open(path.c_str(), &db_) == SQLITE_OK &&
        sqlite3_exec(db_,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                     "CREATE TABLE record(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL)",
                     nullptr, nullptr, nullptr) == SQLITE_OK &&
        sqlite3_prepare_v2(db_, kSave, -1, &save_, nullptr) == SQLITE_OK &&
        sqlite3_prepare_v2(db_, "SELECT value FROM record WHERE key=?", -1, &load_, nullptr) ==
            SQLITE_OK;
    return ok ? OkStatus() : Internal(sqlite3_errmsg(db_));
  }

  Status Save(const std::string& key, const std::string& value) override {
    Bind(save_, 1, key);
    Bind(save_, 2, value);
    const int code = sqlite3_step(save_);
    sqlite3_reset(save_);
    return code == SQLITE_DONE ? OkStatus() : Internal(sqlite3_errmsg(db_));
  }
  Result<std::string> Load(const std::string& key) override {
    Bind(load_, 1, key);
    std::string value;
    const int code = sqlite3_step(load_);
    if (code == SQLITE_ROW) {
      value.assign(static_cast<const char*>(sqlite3_column_blob(load_, 0)),
                   static_cast<std::size_t>(sqlite3_column_bytes(load_, 0)));
    }
    sqlite3_reset(load_);
    if (code != SQLITE_ROW) return NotFound(key);
    return value;
  }

 private:
  static void Bind(sqlite3_stmt* statement, int index, const std::string& bytes) {
    sqlite3_bind_blob(statement, index, bytes.data(), static_cast<int>(bytes.size()),
                      SQLITE_STATIC);
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* save_ = nullptr;
  sqlite3_stmt* load_ = nullptr;
};

}  // namespace

Opened OpenRawSqlite(const std::string& dir) {
  auto store = std::make_unique<Sqlite>();
  SHOJI_RETURN_IF_ERROR(store->Open(dir + "/raw.db"));
  return std::unique_ptr<Subject>(std::move(store));
}

}  // namespace shoji::benchmark_stores

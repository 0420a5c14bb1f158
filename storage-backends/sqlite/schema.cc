// How a connection is opened: whose database it is, and what a new one is made of.
#include "connection.h"
#include "sqlite_error.h"

namespace shoji::sqlite {
namespace {

// "Shji" in the header of the file: what file(1) and others see.
constexpr std::int64_t kApplicationId = 0x53686a69;
constexpr std::int64_t kSchemaVersion = 1;

constexpr char kConfigure[] =
    "PRAGMA synchronous=FULL;"  // in WAL mode: what is committed is on disk
    "PRAGMA cell_size_check=ON;"
    "PRAGMA trusted_schema=OFF;"
    "PRAGMA journal_size_limit=16777216";

// Keys lie in an index of their own, so that scans pass over the values.
constexpr char kSchema[] =
    "CREATE TABLE record(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL);"
    "PRAGMA application_id=0x53686a69;"
    "PRAGMA user_version=1";

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& path,
                                                     const Patience& patience) {
  std::unique_ptr<Connection> connection(new Connection(path));
  connection->patience_ = patience;
  SHOJI_RETURN_IF_ERROR(connection->Connect());
  SHOJI_RETURN_IF_ERROR(connection->Configure());
  // One look: another process may be making the schema just now.
  bool fresh = false;
  SHOJI_RETURN_IF_ERROR(connection->Execute("BEGIN"));
  SHOJI_RETURN_IF_ERROR(connection->Identify(&fresh));
  SHOJI_RETURN_IF_ERROR(connection->Execute("COMMIT"));
  // On a file system that cannot share memory SQLite keeps its rollback journal: slower, as safe.
  SHOJI_RETURN_IF_ERROR(connection->Execute("PRAGMA journal_mode=WAL"));
  if (fresh) SHOJI_RETURN_IF_ERROR(connection->MakeSchema());
  SHOJI_RETURN_IF_ERROR(connection->PrepareAll());
  return connection;
}

Status Connection::Connect() {
  sqlite3* db = nullptr;
  // No mutex: a connection is used by one thread at a time.
  const int code =
      sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(db);
  if (code != SQLITE_OK) return Failure(code, "cannot open");
  sqlite3_extended_result_codes(db, 1);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_busy_handler(db, Patience::Wait, &patience_);
  if (sqlite3_db_readonly(db, "main") == 0) return OkStatus();
  return PermissionDenied("cannot open database " + path_ +
                          ": it may not be written; check its owner and the mount");
}

Status Connection::Configure() { return Execute(kConfigure); }

Status Connection::Identify(bool* fresh) {
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t id, Number("PRAGMA application_id"));
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t version, Number("PRAGMA user_version"));
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t tables, Number("SELECT count(*) FROM sqlite_master"));
  *fresh = id == 0 && version == 0 && tables == 0;
  if (*fresh) return OkStatus();
  if (id != kApplicationId || version < 1 || tables == 0) {
    return DataLoss("database " + path_ +
                    " belongs to another program; set store.sqlite.path to another file");
  }
  if (version <= kSchemaVersion) return OkStatus();
  return FailedPrecondition("database " + path_ + " has schema " + std::to_string(version) +
                            ", this version of the store knows " + std::to_string(kSchemaVersion) +
                            "; install the newer version that wrote it");
}

Status Connection::MakeSchema() {
  SHOJI_RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE"));
  Status status = MakeSchemaOnce();
  if (!status.ok() && sqlite3_get_autocommit(db_.get()) == 0) {
    sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  return status;
}

// Another process may have been quicker.
Status Connection::MakeSchemaOnce() {
  bool fresh = false;
  SHOJI_RETURN_IF_ERROR(Identify(&fresh));
  if (fresh) SHOJI_RETURN_IF_ERROR(Execute(kSchema));
  return Execute("COMMIT");
}

Status Connection::PrepareAll() {
  SHOJI_RETURN_IF_ERROR(
      Prepare("INSERT INTO record(key, value) VALUES(?1, ?2) "
              "ON CONFLICT(key) DO UPDATE SET value = excluded.value",
              &save_));
  SHOJI_RETURN_IF_ERROR(Prepare("SELECT value FROM record WHERE key = ?1", &load_));
  SHOJI_RETURN_IF_ERROR(Prepare("DELETE FROM record WHERE key = ?1", &remove_));
  return Prepare("SELECT key FROM record WHERE key >= ?1 ORDER BY key", &scan_);
}

Status Connection::Prepare(const char* sql, Statement* statement) {
  sqlite3_stmt* made = nullptr;
  const int code =
      sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  statement->reset(made);
  if (code == SQLITE_OK) return OkStatus();
  if (code != SQLITE_ERROR) return Failure(code, "cannot use");
  return DataLoss("database " + path_ +
                  " is not laid out as a store: " + sqlite3_errmsg(db_.get()));
}

Status Connection::Execute(const char* sql) {
  for (int count = 0;; ++count) {
    const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return OkStatus();
    // Here too: the busy handler is not asked when the kind of journal changes.
    if (!IsLocked(code) || Patience::Wait(&patience_, count) == 0) {
      return Failure(code, "cannot use");
    }
  }
}

Result<std::int64_t> Connection::Number(const char* sql) {
  sqlite3_stmt* made = nullptr;
  int code = sqlite3_prepare_v2(db_.get(), sql, -1, &made, nullptr);
  const Statement statement(made);
  if (code == SQLITE_OK) code = FirstStep(made);
  if (code != SQLITE_ROW) return Failure(code, "cannot read");
  return std::int64_t{sqlite3_column_int64(made, 0)};
}

}  // namespace shoji::sqlite

// One connection to the database, with its prepared statements.
//
// Purpose  The SQL of the store, and the way SQLite's errors are told. When another process
//          holds the lock, a call waits until its deadline or its cancel_fd ends it.
// Threads  One thread at a time.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto connection, Connection::Open(path, Patience::Of(call)));
//     SHOJI_RETURN_IF_ERROR(connection->Save("a", "1"));
#ifndef SHOJI_SQLITE_CONNECTION_H_
#define SHOJI_SQLITE_CONNECTION_H_

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/sdk/store.h"

namespace shoji::sqlite {

// How long a call waits for a locked database.
struct Patience {
  Deadline deadline;
  int cancel_fd = -1;
  bool cancelled = false;

  // REQUIRES: a call of the SDK, whose fields are all there, or null.
  static Patience Of(const shoji_call* call);
  // SQLite's busy handler: waits a little; 0 to give up.
  static int Wait(void* patience, int count) noexcept;
};

class Connection {
 public:
  // The file is there, empty or a database. DATA_LOSS when it is not ours, FAILED_PRECONDITION
  // when a newer version wrote it.
  static Result<std::unique_ptr<Connection>> Open(const std::string& path,
                                                  const Patience& patience);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // What follows waits as long as that.
  Connection& WithPatience(const Patience& patience);

  Status Save(std::string_view key, std::string_view value);
  Status Load(std::string_view key, const shoji_sink* sink);
  Status Remove(std::string_view key);
  Status Scan(std::string_view prefix, const sdk::KeyVisitor& visit);
  Status Apply(const std::vector<sdk::StoreOp>& ops);

  // False after an error that this connection may not get over.
  bool healthy() const { return healthy_; }
  // Whether the file is no longer the one at the path: who goes on writing loses everything.
  bool moved() const;

 private:
  struct Closer {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalizer>;

  explicit Connection(std::string path) : path_(std::move(path)) {}

  Status Connect();
  Status Configure();
  // REQUIRES: a transaction.
  Status Identify(bool* fresh);
  Status MakeSchema();
  Status MakeSchemaOnce();
  Status PrepareAll();
  Status Prepare(const char* sql, Statement* statement);
  Status Execute(const char* sql);
  Result<std::int64_t> Number(const char* sql);

  int FirstStep(sqlite3_stmt* statement);
  // `what` makes the text of a failure.
  template <typename What>
  Status Run(sqlite3_stmt* statement, const What& what);
  // Binds bytes that live until the statement is reset.
  static int Bind(sqlite3_stmt* statement, int index, std::string_view bytes);
  Status ApplyAll(const std::vector<sdk::StoreOp>& ops);
  Status RowsOf(sqlite3_stmt* statement, std::string_view prefix, const sdk::KeyVisitor& visit);
  Status Failure(int code, std::string_view what);
  Status LockedFailure(const std::string& text);

  std::string path_;
  Patience patience_;
  bool healthy_ = true;
  std::unique_ptr<sqlite3, Closer> db_;
  Statement save_;
  Statement load_;
  Statement remove_;
  Statement scan_;
};

}  // namespace shoji::sqlite

#endif  // SHOJI_SQLITE_CONNECTION_H_

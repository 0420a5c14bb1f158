// A store in one SQLite database.
//
// Purpose  To be chosen when there are many records, when they are to be looked at with the
//          sqlite3 shell, or when one file is easier to keep than a directory of many. It is
//          durable (write-ahead log, synchronous=FULL: a save is one fsync), its transactions
//          cost as much as one save, and readers never wait for writers. Beside the database
//          lie its "-wal" and "-shm" while anybody has it open; all three belong together.
//          Not for network file systems: the log is shared through memory.
// Threads  Safe: each call has a connection for itself. Processes may share the database.
// Crash    SQLite takes over what was committed from the log, and forgets the rest.
// Example  SqliteStore::OpenAt("/var/lib/shoji/shoji.db")
#ifndef SHOJI_SQLITE_SQLITE_STORE_H_
#define SHOJI_SQLITE_SQLITE_STORE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connection.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/sdk/store.h"

namespace shoji::sqlite {

class SqliteStore {
 public:
  // Option "path"; empty: <state directory>/shoji.db.
  static Result<std::unique_ptr<SqliteStore>> Open(const sdk::Host& host,
                                                   const sdk::OptionMap& options);
  static Result<std::unique_ptr<SqliteStore>> OpenAt(const std::string& path);

  Status Save(const shoji_call* call, std::string_view key, std::string_view value);
  Status LoadInto(const shoji_call* call, std::string_view key, const shoji_sink* sink);
  Result<std::string> Load(const shoji_call* call, std::string_view key) {
    return sdk::LoadString(this, call, key);
  }
  Status Remove(const shoji_call* call, std::string_view key);
  Status ScanEach(const shoji_call* call, std::string_view prefix, const sdk::KeyVisitor& visit);
  Status Apply(const shoji_call* call, const std::vector<sdk::StoreOp>& ops);

 private:
  // A connection for the length of a call; it goes back to the others afterwards.
  class Lease {
   public:
    Lease(SqliteStore* store, std::unique_ptr<Connection> connection)
        : store_(store), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_ != nullptr) store_->GiveBack(std::move(connection_));
    }
    Connection* operator->() { return connection_.get(); }

   private:
    SqliteStore* store_;
    std::unique_ptr<Connection> connection_;
  };

  explicit SqliteStore(std::string path) : path_(std::move(path)) {}
  Result<Lease> Take(const shoji_call* call);
  void GiveBack(std::unique_ptr<Connection> connection);

  const std::string path_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::sqlite

#endif  // SHOJI_SQLITE_SQLITE_STORE_H_

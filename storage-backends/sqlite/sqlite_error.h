// SQLite's result codes as a Status.
//
// Threads  Safe; the connection belongs to the caller.
// Example  if (code != SQLITE_OK) return SqliteStatus(db, code, "cannot open database " + path);
#ifndef SHOJI_SQLITE_SQLITE_ERROR_H_
#define SHOJI_SQLITE_SQLITE_ERROR_H_

#include <sqlite3.h>

#include <string>

#include "shoji/status.h"

namespace shoji::sqlite {

// Whether another connection is in the way, and waiting helps.
bool IsLocked(int code);

// `what` + ": " + SQLite's words. `db` may be null, when memory is short.
Status SqliteStatus(sqlite3* db, int code, const std::string& what);

}  // namespace shoji::sqlite

#endif  // SHOJI_SQLITE_SQLITE_ERROR_H_

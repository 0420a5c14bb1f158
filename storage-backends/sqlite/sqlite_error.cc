#include "sqlite_error.h"

#include <cerrno>

#include "shoji/base/errno.h"

namespace shoji::sqlite {
namespace {

StatusCode CodeOf(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return StatusCode::kResourceExhausted;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return StatusCode::kPermissionDenied;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return StatusCode::kDataLoss;
    case SQLITE_TOOBIG:
      return StatusCode::kInvalidArgument;
    case SQLITE_INTERRUPT:
      return StatusCode::kCancelled;
    case SQLITE_IOERR:
      return code == SQLITE_IOERR_SHORT_READ ? StatusCode::kDataLoss : StatusCode::kUnknown;
    case SQLITE_CANTOPEN:
      return StatusCode::kUnavailable;
    default:
      return StatusCode::kInternal;
  }
}

bool IsAboutFiles(int code) {
  return (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
}

}  // namespace

bool IsLocked(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_PROTOCOL;
}

Status SqliteStatus(sqlite3* db, int code, const std::string& what) {
  // The call may have made the code extended since.
  const int extended = db == nullptr ? code : sqlite3_extended_errcode(db);
  const int full = (extended & 0xff) == (code & 0xff) ? extended : code;
  const int cause = db == nullptr ? 0 : sqlite3_system_errno(db);
  if (IsAboutFiles(full) && cause != 0 && full != SQLITE_IOERR_SHORT_READ) {
    // Not NOT_FOUND: that would say that there is no such record.
    const Status status = ErrnoStatus(cause, what);
    if (status.code() != StatusCode::kNotFound) return status;
    return Unavailable(status.message()).WithErrno(cause);
  }
  std::string words = sqlite3_errstr(full);
  if (db != nullptr) words = sqlite3_errmsg(db);
  return Status(CodeOf(full), what + ": " + words);
}

}  // namespace shoji::sqlite

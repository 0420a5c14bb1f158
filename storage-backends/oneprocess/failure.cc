#include "failure.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "shoji/base/errno.h"

namespace shoji::oneprocess {
namespace {

constexpr std::array kCauses = {ENOSPC, EDQUOT, EROFS,  EACCES, EPERM,  EMFILE,
                                ENFILE, ENOMEM, EFBIG,  EIO,    ENOENT, ENOTDIR,
                                EISDIR, ESTALE, EAGAIN, ELOOP,  ENODEV, ENXIO};

// 0 when the text names none.
int CauseIn(std::string_view text) {
  for (const int error : kCauses) {
    if (text.find(ErrnoText(error)) != std::string_view::npos) return error;
  }
  return 0;
}

std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string Advice(std::string_view engine, const std::string& db) {
  return "; restore " + db + " from a copy, or copy it away and repair it with " +
         (engine == "rocksdb" ? "ldb repair --db=" + db : "RepairDB of LevelDB");
}

StatusCode CodeOf(int cause) {
  switch (cause) {
    case EFBIG:
      return StatusCode::kResourceExhausted;
    case EAGAIN:  // the engine's lock file
      return StatusCode::kUnavailable;
    case EIO:  // what is stored cannot be read, or has gone away
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ESTALE:
    case ELOOP:
    case ENODEV:
    case ENXIO:
      return StatusCode::kDataLoss;
    default:
      return ErrnoStatus(cause, "").code();
  }
}

}  // namespace

Status Failure(FailureKind kind, std::string_view text, std::string_view engine,
               const std::string& db) {
  std::string message = std::string(engine) + " database " + db + ": " + OneLine(text);
  const int cause = CauseIn(text);
  if (cause == 0 && kind == FailureKind::kIo) return UnknownError(std::move(message));
  if (cause == 0 && kind == FailureKind::kOther) return Internal(std::move(message));
  // A corruption may be the consequence of another cause, e.g. of a missing permission.
  const StatusCode code = cause == 0 ? StatusCode::kDataLoss : CodeOf(cause);
  if (code == StatusCode::kDataLoss) message += Advice(engine, db);
  return Status(code, std::move(message)).WithErrno(cause);
}

}  // namespace shoji::oneprocess

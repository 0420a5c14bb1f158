#include "shoji/base/errno.h"

#include <cerrno>
#include <system_error>

namespace shoji {
namespace {

StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ESRCH:
      return StatusCode::kNotFound;
    case EEXIST:
      return StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return StatusCode::kResourceExhausted;
    case EINVAL:
    case ENAMETOOLONG:
    case E2BIG:
      return StatusCode::kInvalidArgument;
    case EBUSY:
    case ENOTEMPTY:
    case ENOTDIR:
    case EISDIR:
      return StatusCode::kFailedPrecondition;
    case ENOSYS:
    case EOPNOTSUPP:
      return StatusCode::kUnimplemented;
    case ETIMEDOUT:
      return StatusCode::kDeadlineExceeded;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
      return StatusCode::kUnavailable;
    default:
      return StatusCode::kUnknown;
  }
}

}  // namespace

std::string ErrnoText(int error) { return std::generic_category().message(error); }

Status ErrnoStatus(int error, std::string_view what) {
  return Status(CodeOf(error), std::string(what) + ": " + ErrnoText(error)).WithErrno(error);
}

}  // namespace shoji

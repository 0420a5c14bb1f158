// Turns errno into a Status.
//
// Threads  Safe.
// Example  if (mkdir(p, 0700) < 0) return ErrnoStatus(errno, "cannot create directory " + path);
#ifndef SHOJI_BASE_ERRNO_H_
#define SHOJI_BASE_ERRNO_H_

#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji {

// "No such file or directory" for ENOENT.
std::string ErrnoText(int error);

// `what` + ": " + the text of `error`, with the canonical code that fits it
// (ENOENT -> NOT_FOUND, EACCES -> PERMISSION_DENIED, ENOSPC -> RESOURCE_EXHAUSTED, ...).
Status ErrnoStatus(int error, std::string_view what);

}  // namespace shoji

#endif  // SHOJI_BASE_ERRNO_H_

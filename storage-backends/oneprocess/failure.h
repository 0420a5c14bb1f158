// What an engine says, as a Status.
//
// Purpose  Both engines put the words of strerror() into their messages and keep no errno.
// Threads  Safe, no state.
// Example  Failure(FailureKind::kIo, "IO error: /x/db/000005.log: No space left on device",
//                  "leveldb", "/x/db").code() == StatusCode::kResourceExhausted
#ifndef SHOJI_ONEPROCESS_FAILURE_H_
#define SHOJI_ONEPROCESS_FAILURE_H_

#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::oneprocess {

enum class FailureKind { kIo, kCorruption, kOther };

Status Failure(FailureKind kind, std::string_view text, std::string_view engine,
               const std::string& db);

}  // namespace shoji::oneprocess

#endif  // SHOJI_ONEPROCESS_FAILURE_H_

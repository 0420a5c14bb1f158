// The bytes of a file that is about to be trusted.
//
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(fd, ReadFixed(std::move(fd), [&](auto b) { h.Update(b); }));
#ifndef SHOJI_CORE_PLUGIN_FILE_BYTES_H_
#define SHOJI_CORE_PLUGIN_FILE_BYTES_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji {

// Hands all bytes of `file`, from its start, to `take`, and gives a descriptor of exactly
// these bytes: `file` itself when it belongs to root, else a sealed copy in memory. See
// trust_policy.h for the reason.
Result<UniqueFd> ReadFixed(UniqueFd file, const std::function<void(std::string_view)>& take);

// The copy, whoever owns the file.
Result<UniqueFd> ReadIntoSealedCopy(int file, const std::function<void(std::string_view)>& take);

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_FILE_BYTES_H_

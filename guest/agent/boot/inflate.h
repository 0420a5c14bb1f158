// Unpacks a gzip file that lies in memory.
//
// Purpose  Modules that few guests need are kept compressed in the image.
// Threads  Any.
// Example  SHOJI_ASSIGN_OR_RETURN(const std::string module, Inflate(packed));
#ifndef SHOJI_GUEST_AGENT_BOOT_INFLATE_H_
#define SHOJI_GUEST_AGENT_BOOT_INFLATE_H_

#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::agent {

// INVALID_ARGUMENT for what is no whole gzip file, or larger than any kernel module is.
Result<std::string> Inflate(std::string_view packed);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_BOOT_INFLATE_H_

// A connection to the agent, or to the proxy in front of it.
//
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, Dial("unix:///run/x/proxy.sock"));
#ifndef SHOJI_PROGRAMS_SHIM_DIAL_H_
#define SHOJI_PROGRAMS_SHIM_DIAL_H_

#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::shim {

// unix:///path, vsock://cid:port or hvsock:///path:port; non-blocking. INVALID_ARGUMENT for other
// URLs.
Result<UniqueFd> Dial(const std::string& url);

}  // namespace shoji::shim

#endif  // SHOJI_PROGRAMS_SHIM_DIAL_H_

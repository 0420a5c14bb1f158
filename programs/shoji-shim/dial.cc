#include "dial.h"

#include "shoji/agent_dial/dial.h"
#include "shoji/base/socket.h"

namespace shoji::shim {

Result<UniqueFd> Dial(const std::string& url) {
  auto address = ParseAgentUrl(url);
  if (!address.ok()) return std::move(address).status().WithContext("-agent");
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, DialAgentOnce(*address, {}));
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(fd.get(), true));
  return fd;
}

}  // namespace shoji::shim

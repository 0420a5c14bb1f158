#include "shoji/mux/serial_path.h"

#include <string_view>

namespace shoji::mux {

Result<std::string> SerialPath(const std::string& agent_url) {
  constexpr std::string_view kScheme = "unix://";
  if (agent_url.starts_with("vsock://") || agent_url.starts_with("hvsock://")) {
    return InvalidArgument("agent URL \"" + agent_url +
                           "\" takes many connections by itself; use proxy \"noproxy\"");
  }
  std::string path = agent_url.starts_with(kScheme) ? agent_url.substr(kScheme.size()) : agent_url;
  if (path.empty() || path[0] != '/') {
    return InvalidArgument("agent URL \"" + agent_url + "\", expected unix:///absolute/path");
  }
  return path;
}

}  // namespace shoji::mux

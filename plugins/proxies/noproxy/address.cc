#include "address.h"

#include <limits>
#include <string_view>

#include "shoji/base/strings.h"

namespace shoji::noproxy {

namespace {

constexpr std::string_view kVsock = "vsock://";
constexpr std::string_view kHvsock = "hvsock://";
constexpr std::uint32_t kLeastGuest = 1;  // 0 is the hypervisor; 1 a guest on this machine

Status Wrong(const std::string& url) {
  return InvalidArgument("agent URL \"" + url +
                         "\", expected vsock://cid:port or hvsock:///path:port");
}

Result<std::uint32_t> Number(const std::string& url, std::string_view text, std::uint32_t least) {
  const auto number = ParseInt(text);
  if (!number.ok() || *number < least || *number >= std::numeric_limits<std::uint32_t>::max()) {
    return Wrong(url);
  }
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

Result<Address> ParseAddress(const std::string& url) {
  if (url.starts_with("unix://") || url.starts_with('/')) {
    return InvalidArgument("the agent channel " + url +
                           " is a serial line, which takes one connection; use proxy "
                           "\"kataproxybuiltin\" or \"kataproxy\"");
  }
  const bool hybrid = url.starts_with(kHvsock);
  if (!hybrid && !url.starts_with(kVsock)) return Wrong(url);
  const std::string_view rest = std::string_view(url).substr((hybrid ? kHvsock : kVsock).size());
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return Wrong(url);
  Address out;
  SHOJI_ASSIGN_OR_RETURN(out.port, Number(url, rest.substr(colon + 1), 1));
  if (!hybrid) {
    SHOJI_ASSIGN_OR_RETURN(out.cid, Number(url, rest.substr(0, colon), kLeastGuest));
    return out;
  }
  out.path = rest.substr(0, colon);
  if (!out.path.starts_with('/') || out.path.find('\0') != std::string::npos) return Wrong(url);
  return out;
}

}  // namespace shoji::noproxy

#include <charconv>

#include "shoji/agent_dial/dial.h"

namespace shoji {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kVsock = "vsock://";
constexpr std::string_view kHybrid = "hvsock://";
constexpr std::uint32_t kAnyNumber = 0xFFFF'FFFF;  // VMADDR_CID_ANY, VMADDR_PORT_ANY

Status Bad(std::string_view url, const std::string& why) {
  return InvalidArgument("agent URL \"" + std::string(url) + "\": " + why);
}

// 1 to 4294967294, in digits alone; 0 for anything else.
std::uint32_t Number(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number != kAnyNumber ? number : 0;
}

Status SetPath(std::string_view url, std::string_view path, AgentAddress* out) {
  if (path.find('\0') != std::string_view::npos) return Bad(url, "a zero byte in the path");
  if (!path.starts_with('/')) return Bad(url, "the path is not absolute");
  if (path.ends_with('/')) return Bad(url, "the path names no socket");
  out->path = std::string(path);
  return OkStatus();
}

Status SetPort(std::string_view url, std::string_view text, AgentAddress* out) {
  out->port = Number(text);
  if (out->port != 0) return OkStatus();
  return Bad(url, "port \"" + std::string(text) + "\" is not a number from 1 to 4294967294");
}

}  // namespace

std::string AgentAddress::Url() const {
  switch (kind) {
    case Kind::kVsock:
      return std::string(kVsock) + std::to_string(cid) + ":" + std::to_string(port);
    case Kind::kHybridVsock:
      return std::string(kHybrid) + path + ":" + std::to_string(port);
    case Kind::kUnix:
      break;
  }
  return std::string(kUnix) + path;
}

Result<AgentAddress> ParseAgentUrl(std::string_view url) {
  AgentAddress out;
  if (url.starts_with('/') || url.starts_with(kUnix)) {
    const std::string_view path = url.starts_with('/') ? url : url.substr(kUnix.size());
    SHOJI_RETURN_IF_ERROR(SetPath(url, path, &out));
    return out;
  }
  const bool hybrid = url.starts_with(kHybrid);
  if (!hybrid && !url.starts_with(kVsock)) {
    return Bad(url, "write unix:///path, vsock://cid:port or hvsock:///path:port");
  }
  const std::string_view rest = url.substr(hybrid ? kHybrid.size() : kVsock.size());
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return Bad(url, "the port is missing");
  out.kind = hybrid ? AgentAddress::Kind::kHybridVsock : AgentAddress::Kind::kVsock;
  SHOJI_RETURN_IF_ERROR(SetPort(url, rest.substr(colon + 1), &out));
  const std::string_view where = rest.substr(0, colon);
  if (hybrid) {
    SHOJI_RETURN_IF_ERROR(SetPath(url, where, &out));
    return out;
  }
  out.cid = Number(where);
  if (out.cid == 0) {
    return Bad(url, "cid \"" + std::string(where) + "\" is not a number from 1 to 4294967294");
  }
  return out;
}

}  // namespace shoji

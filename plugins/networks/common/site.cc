#include "site.h"

#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

#include "shoji/base/strings.h"

namespace shoji::network {
namespace {

constexpr std::string_view kMark = "shoji";
constexpr std::string_view kCookie = "shojinet";
constexpr std::string_view kWhole = "joined";
constexpr std::string_view kPart = "joining";

// FNV-1a: an id of any length in eight bytes. No secret, only a name.
std::uint64_t Hash(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

}  // namespace

Result<netlink::NetNamespace> OpenPodNamespace(const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(netlink::NetNamespace pod, netlink::NetNamespace::Open(path));
  if (pod.IsSameAs("/proc/self/ns/net") || pod.IsSameAs("/proc/1/ns/net")) {
    return FailedPrecondition("network namespace \"" + path +
                              "\" is the host's own; give the pod one of its own, or none");
  }
  return pod;
}

Result<Site> Site::Open(const netlink::NetNamespace& pod, std::string model,
                        std::string sandbox_id) {
  SHOJI_ASSIGN_OR_RETURN(netlink::NetlinkSocket socket, pod.OpenSocket());
  return Site{&pod, std::move(socket), std::move(model), std::move(sandbox_id)};
}

std::string Site::Name(const std::string& interface) const {
  return "interface " + interface + " of network namespace \"" + pod->path() + "\"";
}

std::string Mark::Text() const {
  return std::string(kMark) + ":" + model + ":" + std::string(whole ? kWhole : kPart) + ":" +
         std::to_string(interface) + ":" + sandbox_id;
}

std::optional<Mark> ParseMark(std::string_view alias) {
  const std::vector<std::string> parts = Split(alias, ':');
  if (parts.size() < 5 || parts[0] != kMark) return std::nullopt;
  if (parts[2] != kWhole && parts[2] != kPart) return std::nullopt;
  Mark mark;
  mark.model = parts[1];
  mark.whole = parts[2] == kWhole;
  const std::string& index = parts[3];
  const auto [end, error] =
      std::from_chars(index.data(), index.data() + index.size(), mark.interface);
  if (error != std::errc() || end != index.data() + index.size()) return std::nullopt;
  mark.sandbox_id = Join({parts.begin() + 4, parts.end()}, ":");
  return mark;
}

std::string CookieOf(const std::string& model, const std::string& sandbox_id) {
  std::string cookie(kCookie);
  const std::uint64_t hash = Hash(model + ":" + sandbox_id);
  for (unsigned shift = 0; shift < 64; shift += 8) {
    cookie.push_back(static_cast<char>((hash >> shift) & 0xffU));
  }
  return cookie;
}

bool IsCookie(std::string_view bytes) { return bytes.size() == 16 && bytes.starts_with(kCookie); }

}  // namespace shoji::network

#include "net/address.h"

#include <arpa/inet.h>

#include <array>
#include <bit>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>

#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

constexpr std::size_t kMaxLinkAddress = 32;  // the kernel's MAX_ADDR_LEN

std::optional<unsigned> DottedLength(const std::string& mask) {
  in_addr address{};
  if (inet_pton(AF_INET, mask.c_str(), &address) != 1) return std::nullopt;
  const std::uint32_t bits = ntohl(address.s_addr);
  const auto length = static_cast<unsigned>(std::countl_one(bits));
  if (length < 32 && bits << length != 0) return std::nullopt;
  return length;
}

std::optional<unsigned> LengthOf(const std::string& mask, const Prefix& prefix) {
  const auto most = static_cast<unsigned>(prefix.bytes.size() * 8);
  if (mask.empty()) return most;
  if (prefix.family == AF_INET && mask.find('.') != mask.npos) return DottedLength(mask);
  const auto number = ParseInt(mask);
  if (!number.ok() || *number < 0 || *number > most) return std::nullopt;
  return static_cast<unsigned>(*number);
}

}  // namespace

std::string Prefix::Address() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, bytes.data(), text.data(), text.size());
  return text.data();
}

std::string Prefix::Text() const { return Address() + "/" + std::to_string(length); }

Result<Prefix> ParseAddress(const std::string& address, const std::string& mask) {
  Prefix prefix;
  prefix.family = address.find(':') == address.npos ? AF_INET : AF_INET6;
  prefix.bytes.resize(prefix.family == AF_INET ? 4 : 16);
  if (inet_pton(prefix.family, address.c_str(), prefix.bytes.data()) != 1) {
    return InvalidArgument("\"" + address + "\" is no IP address");
  }
  const auto length = LengthOf(mask, prefix);
  if (!length) return InvalidArgument("\"" + mask + "\" is no network mask for " + address);
  prefix.length = *length;
  return prefix;
}

Result<Prefix> ParsePrefix(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == text.npos) return ParseAddress(text, "");
  const std::string mask = text.substr(slash + 1);
  if (mask.empty()) return InvalidArgument("\"" + text + "\" is no network");
  return ParseAddress(text.substr(0, slash), mask);
}

Result<std::string> ParseLinkAddress(const std::string& text) {
  std::string bytes;
  for (const std::string& part : Split(text, ':')) {
    unsigned value = 0;
    const bool good = part.size() == 2 && std::isxdigit(static_cast<unsigned char>(part[0])) != 0 &&
                      std::isxdigit(static_cast<unsigned char>(part[1])) != 0 &&
                      std::sscanf(part.c_str(), "%2x", &value) == 1;
    if (!good) return InvalidArgument("\"" + text + "\" is no hardware address");
    bytes.push_back(static_cast<char>(value));
  }
  if (bytes.size() < 6 || bytes.size() > kMaxLinkAddress) {
    return InvalidArgument("\"" + text + "\" is no hardware address");
  }
  return bytes;
}

std::string LinkAddressText(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    std::array<char, 4> part{};
    std::snprintf(part.data(), part.size(), "%02x", static_cast<unsigned>(byte) & 0xffU);
    text += (text.empty() ? "" : ":") + std::string(part.data());
  }
  return text;
}

}  // namespace shoji::agent

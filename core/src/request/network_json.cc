#include "request/network_json.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <exception>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "metadata/text.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxItems = 4096;
constexpr std::uint32_t kV4Bits = 32;
constexpr std::uint32_t kV6Bits = 128;

Status Wrong(const std::string& field, const json& value, const std::string& wanted) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 64) text = text.substr(0, 64) + "...";
  return InvalidArgument("field " + field + " = " + text + " is not " + wanted);
}

Result<std::string> TextField(const json& in, const char* name) {
  const auto it = in.find(name);
  if (it == in.end() || it->is_null()) return std::string();
  if (!it->is_string()) return Wrong(name, *it, "a text");
  return it->get<std::string>();
}

Result<std::uint32_t> NumberField(const json& in, const char* name) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
  const auto it = in.find(name);
  if (it == in.end() || it->is_null()) return std::uint32_t{0};
  if (it->is_number_unsigned() && it->get<std::uint64_t>() <= kMax) return it->get<std::uint32_t>();
  if (it->is_string()) {
    const auto value = ParseInt(it->get<std::string>());
    if (value.ok() && *value >= 0 && static_cast<std::uint64_t>(*value) <= kMax) {
      return static_cast<std::uint32_t>(*value);
    }
  }
  return Wrong(name, *it, "a number from 0 to 4294967295");
}

bool IsV4(const std::string& address) {
  struct in_addr raw = {};
  return inet_pton(AF_INET, address.c_str(), &raw) == 1;
}

bool IsV6(const std::string& address) {
  struct in6_addr raw = {};
  return inet_pton(AF_INET6, address.c_str(), &raw) == 1;
}

// "255.255.255.0" -> 24.
std::optional<std::uint32_t> PrefixOfMask(const std::string& mask) {
  struct in_addr raw = {};
  if (inet_pton(AF_INET, mask.c_str(), &raw) != 1) return std::nullopt;
  const std::uint32_t bits = ntohl(raw.s_addr);
  const std::uint32_t inverse = ~bits;
  if ((inverse & (inverse + 1)) != 0) return std::nullopt;  // a hole in it
  return static_cast<std::uint32_t>(__builtin_popcount(bits));
}

Result<IpAddress> ReadAddress(const json& in) {
  if (!in.is_object()) return Wrong("IPAddresses", in, "a list of objects");
  IpAddress out;
  SHOJI_ASSIGN_OR_RETURN(out.address, TextField(in, "address"));
  SHOJI_ASSIGN_OR_RETURN(const std::string mask, TextField(in, "mask"));
  const bool v4 = IsV4(out.address);
  if (!v4 && !IsV6(out.address)) return Wrong("address", out.address, "an IP address");
  const std::uint32_t bits = v4 ? kV4Bits : kV6Bits;
  if (const auto prefix = v4 ? PrefixOfMask(mask) : std::nullopt; prefix.has_value()) {
    out.prefix = *prefix;
    return out;
  }
  const auto prefix = ParseInt(mask);
  if (!prefix.ok() || *prefix < 0 || *prefix > static_cast<std::int64_t>(bits)) {
    return Wrong("mask", mask, "a prefix from 0 to " + std::to_string(bits));
  }
  out.prefix = static_cast<std::uint32_t>(*prefix);
  return out;
}

json WriteAddress(const IpAddress& address) {
  return {{"family", IsV6(address.address) ? 1 : 0},
          {"address", address.address},
          {"mask", std::to_string(address.prefix)}};
}

// The list `in`[name], empty when absent.
Result<json> ListField(const json& in, const char* name) {
  const auto it = in.find(name);
  if (it == in.end() || it->is_null()) return json::array();
  if (!it->is_array()) return Wrong(name, *it, "a list");
  if (it->size() > kMaxItems) {
    return InvalidArgument("field " + std::string(name) + " has " + std::to_string(it->size()) +
                           " items; at most " + std::to_string(kMaxItems) + " are allowed");
  }
  return *it;
}

Result<InterfaceInfo> ReadInterface(const json& in) {
  if (!in.is_object()) return Wrong("interfaces", in, "a list of objects");
  InterfaceInfo out;
  SHOJI_ASSIGN_OR_RETURN(out.guest_name, TextField(in, "name"));
  SHOJI_ASSIGN_OR_RETURN(out.name, TextField(in, "device"));
  if (out.name.empty()) out.name = out.guest_name;
  if (out.guest_name.empty()) out.guest_name = out.name;
  SHOJI_ASSIGN_OR_RETURN(out.mac, TextField(in, "hwAddr"));
  SHOJI_ASSIGN_OR_RETURN(out.mtu, NumberField(in, "mtu"));
  SHOJI_ASSIGN_OR_RETURN(const json addresses, ListField(in, "IPAddresses"));
  for (const json& address : addresses) {
    SHOJI_ASSIGN_OR_RETURN(IpAddress one, ReadAddress(address));
    out.addresses.push_back(std::move(one));
  }
  return out;
}

json WriteInterface(const InterfaceInfo& interface) {
  json addresses = json::array();
  for (const IpAddress& address : interface.addresses) addresses.push_back(WriteAddress(address));
  return {{"device", interface.name},
          {"name", interface.guest_name},
          {"hwAddr", interface.mac},
          {"mtu", interface.mtu},
          {"IPAddresses", std::move(addresses)}};
}

Result<Route> ReadRoute(const json& in) {
  if (!in.is_object()) return Wrong("routes", in, "a list of objects");
  Route out;
  SHOJI_ASSIGN_OR_RETURN(out.destination, TextField(in, "dest"));
  SHOJI_ASSIGN_OR_RETURN(out.gateway, TextField(in, "gateway"));
  SHOJI_ASSIGN_OR_RETURN(out.device, TextField(in, "device"));
  SHOJI_ASSIGN_OR_RETURN(out.source, TextField(in, "source"));
  SHOJI_ASSIGN_OR_RETURN(out.scope, NumberField(in, "scope"));
  const bool v6_default = out.destination == "::/0";
  if (v6_default || out.destination == "default" || out.destination == "0.0.0.0/0") {
    out.destination.clear();
  }
  out.v6 = v6_default && out.gateway.empty();
  return out;
}

Result<json> ParseText(std::string_view text) {
  SHOJI_RETURN_IF_ERROR(CheckDepth(text));
  json out = json::parse(text, nullptr, false);
  if (out.is_discarded()) return InvalidArgument("it is not JSON");
  return out;
}

Result<json> ParseList(std::string_view text, const char* what) {
  SHOJI_ASSIGN_OR_RETURN(const json in, ParseText(text));
  return ListField(json{{what, in}}, what);
}

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Result<GuestNetwork> ParseGuestNetwork(std::string_view text) {
  SHOJI_ASSIGN_OR_RETURN(const json in, ParseText(text));
  if (!in.is_object()) return InvalidArgument("it is not a JSON object");
  GuestNetwork out;
  SHOJI_ASSIGN_OR_RETURN(const json interfaces, ListField(in, "interfaces"));
  for (const json& interface : interfaces) {
    SHOJI_ASSIGN_OR_RETURN(InterfaceInfo info, ReadInterface(interface));
    if (info.mac.empty()) return InvalidArgument("interface \"" + info.name + "\" has no hwAddr");
    out.interfaces.push_back({std::move(info), Dump(interface)});
  }
  SHOJI_ASSIGN_OR_RETURN(const json routes, ListField(in, "routes"));
  SHOJI_ASSIGN_OR_RETURN(const json neighbors, ListField(in, "neighbors"));
  out.routes = Dump(routes);
  out.neighbors = Dump(neighbors);
  return out;
}

InterfaceInfo MergeInterface(InterfaceInfo found, const InterfaceInfo& asked) {
  if (!asked.name.empty()) found.name = asked.name;
  if (!asked.guest_name.empty()) found.guest_name = asked.guest_name;
  if (!asked.mac.empty()) found.mac = asked.mac;
  if (asked.mtu != 0) found.mtu = asked.mtu;
  if (!asked.addresses.empty()) found.addresses = asked.addresses;
  if (asked.limits) found.limits = asked.limits;
  return found;
}

Result<std::string> InterfaceForAgent(const GuestInterface& found, const InterfaceInfo& asked,
                                      const std::string& pci_path) {
  SHOJI_ASSIGN_OR_RETURN(json out, ParseText(found.text));
  if (!asked.guest_name.empty()) out["name"] = out["device"] = asked.guest_name;
  if (!asked.mac.empty()) out["hwAddr"] = asked.mac;
  if (asked.mtu != 0) out["mtu"] = asked.mtu;
  if (!asked.addresses.empty()) {
    out["IPAddresses"] = json::array();
    for (const auto& address : asked.addresses) out["IPAddresses"].push_back(WriteAddress(address));
  }
  if (!pci_path.empty()) out["pciPath"] = pci_path;
  return Dump(out);
}

Result<InterfaceInfo> ParseInterface(std::string_view text) {
  SHOJI_ASSIGN_OR_RETURN(const json in, ParseText(text));
  if (!in.is_object()) return InvalidArgument("it is not a JSON object");
  return ReadInterface(in);
}

Result<std::vector<InterfaceInfo>> ParseInterfaces(std::string_view text) {
  SHOJI_ASSIGN_OR_RETURN(const json list, ParseList(text, "interfaces"));
  std::vector<InterfaceInfo> out;
  for (const json& item : list) {
    SHOJI_ASSIGN_OR_RETURN(InterfaceInfo info, ReadInterface(item));
    out.push_back(std::move(info));
  }
  return out;
}

Result<std::vector<Route>> ParseRoutes(std::string_view text) {
  SHOJI_ASSIGN_OR_RETURN(const json list, ParseList(text, "routes"));
  std::vector<Route> out;
  for (const json& item : list) {
    SHOJI_ASSIGN_OR_RETURN(Route route, ReadRoute(item));
    out.push_back(std::move(route));
  }
  return out;
}

std::string FormatInterface(const InterfaceInfo& interface) {
  return Dump(WriteInterface(interface));
}

std::string FormatInterfaces(const std::vector<InterfaceInfo>& interfaces) {
  json out = json::array();
  for (const InterfaceInfo& interface : interfaces) out.push_back(WriteInterface(interface));
  return Dump(out);
}

std::string FormatRoutes(const std::vector<Route>& routes) {
  json out = json::array();
  for (const Route& route : routes) {
    const bool v6 = route.destination.empty() && route.v6;
    out.push_back({{"dest", v6 ? "::/0" : route.destination},
                   {"gateway", route.gateway},
                   {"device", route.device},
                   {"source", route.source},
                   {"scope", route.scope}});
  }
  return Dump(out);
}

bool SameMac(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

}  // namespace shoji

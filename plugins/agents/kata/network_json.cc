#include "network_json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "json_reader.h"
#include "json_text.h"

namespace shoji::agent_kata {

namespace {

using Reader = JsonReader;

void Read(const Reader& r, types::IPAddress* address) {
  constexpr const char* kNames[] = {"v4", "v6"};
  address->set_family(static_cast<types::IPFamily>(r.Choice("family", kNames, 2)));
  address->set_address(r.Required("address"));
  address->set_mask(r.String("mask"));
}

void Read(const Reader& r, types::Interface* interface) {
  interface->set_device(r.String("device"));
  interface->set_name(r.String("name"));
  r.Each("IPAddresses",
         [&](const Reader& address) { Read(address, interface->add_ipaddresses()); });
  interface->set_mtu(r.Uint64("mtu"));
  interface->set_hwaddr(r.Required("hwAddr"));
  interface->set_pcipath(r.String("pciPath"));
  interface->set_type(r.String("type"));
  interface->set_raw_flags(r.Uint32("raw_flags"));
}

void Read(const Reader& r, types::Route* route) {
  route->set_dest(r.String("dest"));
  route->set_gateway(r.String("gateway"));
  route->set_device(r.String("device"));
  route->set_source(r.String("source"));
  route->set_scope(r.Uint32("scope"));
}

void Read(const Reader& r, types::ARPNeighbor* neighbor) {
  r.RequiredObject("toIPAddress",
                   [&](const Reader& address) { Read(address, neighbor->mutable_toipaddress()); });
  neighbor->set_device(r.Required("device"));
  neighbor->set_lladdr(r.String("lladdr"));
  neighbor->set_state(r.Int32("state"));
  neighbor->set_flags(r.Int32("flags"));
}

// Calls body(Reader) for each object of an array, whose name in errors is `name`.
template <typename Body>
Status EachOf(std::string_view text, const char* name, Body&& body) {
  SHOJI_ASSIGN_OR_RETURN(nlohmann::json array, ParseJson(text, name));
  if (!array.is_array()) return InvalidArgument(std::string(name) + " is not a JSON array");
  nlohmann::json wrapped;
  wrapped[name] = std::move(array);
  Status error;
  Reader(wrapped, &error).Each(name, std::forward<Body>(body));
  return error;
}

nlohmann::json Write(const types::IPAddress& address) {
  const bool v6 = address.family() == types::v6;
  return {{"family", v6 ? "v6" : "v4"}, {"address", address.address()}, {"mask", address.mask()}};
}

nlohmann::json Write(const types::Interface& interface) {
  nlohmann::json addresses = nlohmann::json::array();
  for (const types::IPAddress& address : interface.ipaddresses()) {
    addresses.push_back(Write(address));
  }
  return {{"device", interface.device()}, {"name", interface.name()},
          {"IPAddresses", addresses},     {"mtu", interface.mtu()},
          {"hwAddr", interface.hwaddr()}, {"pciPath", interface.pcipath()},
          {"type", interface.type()},     {"raw_flags", interface.raw_flags()}};
}

nlohmann::json Write(const types::Route& route) {
  return {{"dest", route.dest()},
          {"gateway", route.gateway()},
          {"device", route.device()},
          {"source", route.source()},
          {"scope", route.scope()}};
}

template <typename Repeated>
std::string ArrayText(const Repeated& items) {
  nlohmann::json array = nlohmann::json::array();
  for (const auto& item : items) array.push_back(Write(item));
  return JsonText(array);
}

}  // namespace

Status InterfaceFromJson(std::string_view json, types::Interface* out) {
  SHOJI_ASSIGN_OR_RETURN(const nlohmann::json object, ParseJson(json, "interface"));
  if (!object.is_object()) return InvalidArgument("interface is not a JSON object");
  Status error;
  Read(Reader(object, &error, "interface"), out);
  return error;
}

Status RoutesFromJson(std::string_view json, grpc::Routes* out) {
  return EachOf(json, "routes", [out](const Reader& route) { Read(route, out->add_routes()); });
}

Status NeighborsFromJson(std::string_view json, grpc::ARPNeighbors* out) {
  return EachOf(json, "neighbors",
                [out](const Reader& neighbor) { Read(neighbor, out->add_arpneighbors()); });
}

std::string ToJson(const types::Interface& interface) { return JsonText(Write(interface)); }
std::string ToJson(const grpc::Interfaces& interfaces) {
  return ArrayText(interfaces.interfaces());
}
std::string ToJson(const grpc::Routes& routes) { return ArrayText(routes.routes()); }

}  // namespace shoji::agent_kata

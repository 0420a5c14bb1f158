// linux.devices and linux.resources as the guest can apply them.
//
// Purpose  Numbers of devices, processors and memory nodes are the host's; in the guest the
//          same ones are something else, or nothing. What goes by such a number is left out,
//          unless the thing is in the VM too. docs/oci.md has the table.
// Threads  Safe, no state.
// Example
//     const GuestDevices devices(ArrayOr(linux, "devices"), place.devices);
//     linux["devices"] = devices.Nodes();
//     linux["resources"] = EditResources(ObjectOr(linux, "resources"), devices);
#ifndef SHOJI_CORE_OCI_GUEST_LIMITS_H_
#define SHOJI_CORE_OCI_GUEST_LIMITS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>

namespace shoji {

class GuestDevices {
 public:
  // `attached`: paths in the container of the devices that the VM has been given. They keep
  // the host's numbers, which the agent replaces by its own.
  GuestDevices(const nlohmann::json& nodes, const std::set<std::string>& attached);

  const nlohmann::json& Nodes() const { return nodes_; }
  // Whether `type` ("b", "c", …) with these numbers is in the guest what it is on the host.
  bool Means(const std::string& type, std::int64_t major, std::int64_t minor) const;

 private:
  nlohmann::json nodes_ = nlohmann::json::array();
  std::set<std::tuple<std::string, std::int64_t, std::int64_t>> attached_;
};

nlohmann::json EditResources(const nlohmann::json& resources, const GuestDevices& devices);

}  // namespace shoji

#endif  // SHOJI_CORE_OCI_GUEST_LIMITS_H_

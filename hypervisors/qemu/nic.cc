#include "nic.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "shoji/base/strings.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kMinMtu = 68;
constexpr std::uint32_t kMaxMtu = 65535;

std::string Text(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string Of(const std::string& id) { return " of network interface \"" + id + "\""; }

bool IsOctet(const std::string& text) {
  return text.size() == 2 && std::all_of(text.begin(), text.end(),
                                         [](unsigned char c) { return std::isxdigit(c) != 0; });
}

bool HasVhost(const sdk::NicDevice& nic) {
  return !nic.vhost_fds.empty() &&
         std::all_of(nic.vhost_fds.begin(), nic.vhost_fds.end(), [](int fd) { return fd >= 0; });
}

// QEMU's list of descriptors.
std::string FdList(const std::vector<int>& fds, const std::string& name, Plan& plan) {
  std::vector<std::string> list;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    list.push_back(plan.UseFd(fds[i], name + std::to_string(i)));
  }
  return Join(list, ":");
}

}  // namespace

Status CheckMac(const std::string& id, const std::string& mac) {
  const std::vector<std::string> octets = Split(mac, ':');
  const bool formed = octets.size() == 6 && std::all_of(octets.begin(), octets.end(), IsOctet);
  if (formed && (std::stoi(octets[0], nullptr, 16) & 1) == 0) return OkStatus();
  return InvalidArgument("mac \"" + mac + "\"" + Of(id) +
                         " is no address of one interface such as 02:00:00:00:00:01");
}

Status CheckNic(const std::string& id, const sdk::NicDevice& nic) {
  SHOJI_RETURN_IF_ERROR(CheckMac(id, nic.mac));
  if (nic.mtu != 0 && (nic.mtu < kMinMtu || nic.mtu > kMaxMtu)) {
    return InvalidArgument("mtu " + std::to_string(nic.mtu) + Of(id) + " is not " +
                           std::to_string(kMinMtu) + " to " + std::to_string(kMaxMtu));
  }
  const bool open =
      std::all_of(nic.tap_fds.begin(), nic.tap_fds.end(), [](int fd) { return fd >= 0; });
  if (!nic.tap_fds.empty() && open) return OkStatus();
  return InvalidArgument("tap_fds" + Of(id) +
                         " are not open in this process; attach it from the one that joined the "
                         "network");
}

std::string NicContent(const sdk::NicDevice& nic) {
  return Text({"nic", nic.nic_id, nic.mac, nic.mtu, nic.tap_fds.size(), HasVhost(nic)});
}

std::string NetdevName(const std::string& id) { return "net-" + id; }

void AddNicBackend(const std::string& id, const sdk::NicDevice& nic, Plan& plan) {
  const std::string name = NetdevName(id);
  Json netdev = {{"type", "tap"}, {"id", name}};
  netdev["fds"] = FdList(nic.tap_fds, name + "-t", plan);
  if (HasVhost(nic)) {
    netdev["vhost"] = true;
    netdev["vhostfds"] = FdList(nic.vhost_fds, name + "-v", plan);
  }
  const Json undo = {{"id", name}};
  plan.Add("netdev_add", Text(netdev), "netdev_del", Text(undo));
}

}  // namespace shoji::qemu

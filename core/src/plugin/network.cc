#include "plugin/network.h"

#include <utility>

#include "plugin/slots.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxState = 16U << 10U;
constexpr std::uint32_t kMaxNics = 256;

std::string Text(shoji_str text) {
  return text.data == nullptr ? std::string()
                              : std::string(text.data, static_cast<std::size_t>(text.size));
}

Nic ToNic(const shoji_nic& raw) {
  Nic nic;
  nic.id = Text(raw.id);
  nic.mac = Text(raw.mac);
  nic.mtu = raw.mtu;
  nic.tap_fds.assign(raw.tap_fds, raw.tap_fds + raw.queues);
  nic.vhost_fds.assign(raw.vhost_fds, raw.vhost_fds + raw.queues);
  return nic;
}

// More than the arrays hold must not be read.
Status CheckQueues(const std::string& plugin, const char* slot, const shoji_nic& raw) {
  if (raw.queues <= SHOJI_NIC_MAX_QUEUES) return OkStatus();
  return Internal("plugin " + plugin + ": call " + slot + " gave interface \"" + Text(raw.id) +
                  "\" with " + std::to_string(raw.queues) + " queues; at most " +
                  std::to_string(SHOJI_NIC_MAX_QUEUES) + " are allowed");
}

const shoji_network_interface_v1* InterfaceOf(const shoji_network_v1* table,
                                              shoji_network_link* handle) {
  if (handle == nullptr || !SHOJI_HAS_SLOT(shoji_network_v1, table, get_extension)) return nullptr;
  return static_cast<const shoji_network_interface_v1*>(
      table->get_extension(handle, SHOJI_NETWORK_INTERFACE_V1));
}

}  // namespace

NetworkLink::NetworkLink(const shoji_network_v1* table, shoji_network_link* handle,
                         std::string name)
    : table_(table),
      handle_(handle),
      name_(std::move(name)),
      interface_(InterfaceOf(table, handle)) {}

NetworkLink::~NetworkLink() {
  if (handle_ != nullptr && SHOJI_HAS_SLOT(shoji_network_v1, table_, close_link)) {
    table_->close_link(handle_);
  }
}

Result<std::vector<Nic>> NetworkLink::Nics() {
  if (handle_ == nullptr) return NoHandle(name_, "nic");
  if (!SHOJI_HAS_SLOT(shoji_network_v1, table_, nic)) return NoSlot(name_, "nic");
  std::vector<Nic> nics;
  for (std::uint32_t i = 0;; ++i) {
    shoji_nic raw{};
    raw.struct_size = sizeof(raw);
    const std::int32_t code = table_->nic(handle_, i, &raw);
    if (code == SHOJI_OUT_OF_RANGE) return nics;
    SHOJI_RETURN_IF_ERROR(PluginError().ToStatus(name_, "nic", code));
    SHOJI_RETURN_IF_ERROR(CheckQueues(name_, "nic", raw));
    if (i >= kMaxNics) {
      return Internal("plugin " + name_ + ": call nic has no end after " + std::to_string(i) +
                      " interfaces");
    }
    nics.push_back(ToNic(raw));
  }
}

Result<std::string> NetworkLink::GuestConfig(const Call& call) {
  if (handle_ == nullptr) return NoHandle(name_, "guest_config");
  if (!SHOJI_HAS_SLOT(shoji_network_v1, table_, guest_config)) {
    return NoSlot(name_, "guest_config");
  }
  TextSink sink(kMaxText);
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code = table_->guest_config(handle_, arg.get(), sink.get(), error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "guest_config", code));
  return sink.Take();
}

Status NetworkLink::Limit(const Call& call, std::string_view nic_id, const NetworkLimits& limits) {
  if (handle_ == nullptr) return NoHandle(name_, "limit");
  if (!SHOJI_HAS_SLOT(shoji_network_v1, table_, limit)) return NoSlot(name_, "limit");
  shoji_network_limits raw{};
  raw.struct_size = sizeof(raw);
  raw.rx_bytes_per_s = limits.rx_bytes_per_s;
  raw.rx_burst_bytes = limits.rx_burst_bytes;
  raw.rx_peak_bytes_per_s = limits.rx_peak_bytes_per_s;
  raw.tx_bytes_per_s = limits.tx_bytes_per_s;
  raw.tx_burst_bytes = limits.tx_burst_bytes;
  raw.tx_peak_bytes_per_s = limits.tx_peak_bytes_per_s;
  const CallArg arg(call);
  PluginError error;
  return error.ToStatus(name_, "limit",
                        table_->limit(handle_, arg.get(), ToStr(nic_id), &raw, error.get()));
}

Result<std::string> NetworkLink::SaveState() {
  if (handle_ == nullptr) return NoHandle(name_, "save_state");
  if (!SHOJI_HAS_SLOT(shoji_network_v1, table_, save_state)) return NoSlot(name_, "save_state");
  TextSink sink(kMaxState);
  PluginError error;
  const std::int32_t code = table_->save_state(handle_, sink.get(), error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "save_state", code));
  return sink.Take();
}

Status NetworkLink::Leave(const Call& call) {
  if (handle_ == nullptr) return OkStatus();
  if (!SHOJI_HAS_SLOT(shoji_network_v1, table_, leave)) return NoSlot(name_, "leave");
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code = table_->leave(std::exchange(handle_, nullptr), arg.get(), error.get());
  return error.ToStatus(name_, "leave", code);
}

Result<Nic> NetworkLink::Add(const Call& call, std::string_view name) {
  if (handle_ == nullptr) return NoHandle(name_, "add");
  if (!SHOJI_HAS_SLOT(shoji_network_interface_v1, interface_, add)) return NoSlot(name_, "add");
  shoji_nic raw{};
  raw.struct_size = sizeof(raw);
  const CallArg arg(call);
  PluginError error;
  const std::int32_t code = interface_->add(handle_, arg.get(), ToStr(name), &raw, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "add", code));
  SHOJI_RETURN_IF_ERROR(CheckQueues(name_, "add", raw));
  return ToNic(raw);
}

Status NetworkLink::Remove(const Call& call, std::string_view nic_id) {
  if (handle_ == nullptr) return NoHandle(name_, "remove");
  if (!SHOJI_HAS_SLOT(shoji_network_interface_v1, interface_, remove)) {
    return NoSlot(name_, "remove");
  }
  const CallArg arg(call);
  PluginError error;
  return error.ToStatus(name_, "remove",
                        interface_->remove(handle_, arg.get(), ToStr(nic_id), error.get()));
}

Network::Network(const shoji_network_v1* table, shoji_network* handle, std::string name)
    : table_(table), handle_(handle), name_(std::move(name)) {}

Network::~Network() {
  if (SHOJI_HAS_SLOT(shoji_network_v1, table_, close)) table_->close(handle_);
}

Result<std::unique_ptr<NetworkLink>> Network::Join(const Call& call, const Params& params) {
  if (!SHOJI_HAS_SLOT(shoji_network_v1, table_, join)) return NoSlot(name_, "join");
  shoji_network_params raw{};
  raw.struct_size = sizeof(raw);
  raw.sandbox_id = ToStr(params.sandbox_id);
  raw.netns = ToStr(params.netns);
  raw.run_dir = ToStr(params.run_dir);
  raw.queues = params.queues;
  const CallArg arg(call);
  PluginError error;
  shoji_network_link* link = nullptr;
  const std::int32_t code = table_->join(handle_, arg.get(), &raw, &link, error.get());
  SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "join", code));
  if (link == nullptr) return NullResult(name_, "join");
  return std::make_unique<NetworkLink>(table_, link, name_);
}

Result<Network::Attached> Network::Attach(const Call& call, std::string_view state) {
  if (!SHOJI_HAS_SLOT(shoji_network_v1, table_, attach)) return NoSlot(name_, "attach");
  const CallArg arg(call);
  PluginError error;
  shoji_network_link* link = nullptr;
  const std::int32_t code = table_->attach(handle_, arg.get(), ToStr(state), &link, error.get());
  const bool gone = code == SHOJI_NOT_FOUND && link != nullptr;
  if (!gone) SHOJI_RETURN_IF_ERROR(error.ToStatus(name_, "attach", code));
  if (link == nullptr) return NullResult(name_, "attach");
  return Attached{std::make_unique<NetworkLink>(table_, link, name_), gone};
}

}  // namespace shoji

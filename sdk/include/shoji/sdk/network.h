// Base classes for plugins of kind "network".
//
// Purpose  Derive from NetworkBase and NetworkLink, get the C table: descriptors and texts of an
//          interface are handed out from Nics(), outputs stay untouched on failure.
//          A link with the members Add and Remove offers shoji.network.interface/1 too.
// Threads  As shoji/plugin/network.h: everything may be called side by side, except Limit(), Add()
//          and Remove() on one link, Leave() and the destructors.
// Example
//     class MyNetwork : public shoji::sdk::NetworkBase {
//      public:
//       static Result<std::unique_ptr<NetworkBase>> Open(const Host&, const OptionMap&);
//       Result<std::unique_ptr<NetworkLink>> Join(const shoji_call*, NetworkParams) override;
//       Attached Attach(const shoji_call*, std::string_view state) override;
//     };
//     class MyLink : public shoji::sdk::NetworkLink {
//      public:
//       ...
//       Result<const Nic*> Add(const shoji_call*, std::string_view name);  // of NicAt()
//       Status Remove(const shoji_call*, std::string_view nic_id);
//       const void* Extension(std::string_view id) override {
//         return shoji::sdk::NetworkLinkExtension<MyLink>(id);
//       }
//     };
//     SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& i) {
//       i.Add(SHOJI_NETWORK_V1, shoji::sdk::NetworkTable<MyNetwork>());
//     });
#ifndef SHOJI_SDK_NETWORK_H_
#define SHOJI_SDK_NETWORK_H_

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "shoji/plugin/network.h"
#include "shoji/sdk/plugin.h"

namespace shoji::sdk {

struct NetworkParams {
  std::string sandbox_id;
  std::string netns;  // empty: no network
  std::string run_dir;
  std::uint32_t queues = 1;
};

// One interface for the VM; the descriptors belong to the link.
struct Nic {
  std::string id;
  std::string mac;
  std::uint32_t mtu = 0;
  std::vector<int> tap_fds;    // one for each queue, at most SHOJI_NIC_MAX_QUEUES
  std::vector<int> vhost_fds;  // as many, or none at all: no vhost
};

// Bytes and bytes per second; 0: no limit.
struct NetworkLimits {
  std::uint64_t rx_rate = 0, rx_burst = 0, rx_peak = 0;
  std::uint64_t tx_rate = 0, tx_burst = 0, tx_peak = 0;
};

// One sandbox, joined. The destructor drops the handle and leaves the network as it is.
class NetworkLink {
 public:
  virtual ~NetworkLink() = default;
  // The same list for the life of the link: the host keeps pointers into it.
  virtual const std::vector<Nic>& Nics() const = 0;
  // Number `index`, or null past the last one. For a link whose interfaces come and go: what it
  // has given out stays and does not change as long as the link lives.
  virtual const Nic* NicAt(std::uint32_t index) const {
    const std::vector<Nic>& nics = Nics();
    return index < nics.size() ? &nics[index] : nullptr;
  }
  // {"interfaces":[...],"routes":[...],"neighbors":[...]}
  virtual Result<std::string> GuestConfig(const shoji_call* call) = 0;
  virtual Status Limit(const shoji_call* call, std::string_view nic_id,
                       const NetworkLimits& limits) = 0;
  virtual Result<std::string> SaveState() = 0;
  // Undoes Join(); the object is deleted afterwards in any case.
  virtual Status Leave(const shoji_call* call) = 0;
  // The table of an optional interface, or null.
  virtual const void* Extension(std::string_view /*id*/) { return nullptr; }
};

class NetworkBase {
 public:
  virtual ~NetworkBase() = default;
  virtual Result<std::unique_ptr<NetworkLink>> Join(const shoji_call* call,
                                                    NetworkParams params) = 0;
  // `status` NOT_FOUND together with a link: nothing of it is left, Leave() cleans up.
  struct Attached {
    std::unique_ptr<NetworkLink> link;
    Status status;
  };
  virtual Attached Attach(const shoji_call* call, std::string_view state) = 0;
};

namespace internal {

inline Result<NetworkParams> ParamsOf(const shoji_network_params* params) {
  if (!SHOJI_HAS(shoji_network_params, params, queues)) return TooShort("shoji_network_params");
  SHOJI_RETURN_IF_ERROR(CheckFlags("a network request", params->flags, 0));
  if (params->queues == 0 || params->queues > SHOJI_NIC_MAX_QUEUES) {
    return InvalidArgument("a network request asks for " + std::to_string(params->queues) +
                           " queues; 1 to " + std::to_string(SHOJI_NIC_MAX_QUEUES) +
                           " are allowed");
  }
  return NetworkParams{String(params->sandbox_id), String(params->netns), String(params->run_dir),
                       params->queues};
}

inline Result<NetworkLimits> LimitsOf(const shoji_network_limits* l) {
  if (!SHOJI_HAS(shoji_network_limits, l, tx_peak_bytes_per_s)) {
    return TooShort("shoji_network_limits");
  }
  return NetworkLimits{l->rx_bytes_per_s, l->rx_burst_bytes, l->rx_peak_bytes_per_s,
                       l->tx_bytes_per_s, l->tx_burst_bytes, l->tx_peak_bytes_per_s};
}

// Interface `nic` as the caller's struct, which may be of another release.
inline std::int32_t FillNic(const Nic& nic, shoji_nic* ret) {
  const std::size_t queues = nic.tap_fds.size();
  if (!SHOJI_HAS(shoji_nic, ret, vhost_fds)) return SHOJI_INVALID_ARGUMENT;
  if (queues > SHOJI_NIC_MAX_QUEUES || nic.vhost_fds.size() > queues) return SHOJI_INTERNAL;
  ret->queues = static_cast<std::uint32_t>(queues);
  ret->id = ToStr(nic.id);
  ret->mac = ToStr(nic.mac);
  ret->mtu = nic.mtu;
  ret->reserved0 = 0;
  for (std::size_t i = 0; i < SHOJI_NIC_MAX_QUEUES; ++i) {
    ret->tap_fds[i] = i < queues ? nic.tap_fds[i] : -1;
    ret->vhost_fds[i] = i < nic.vhost_fds.size() ? nic.vhost_fds[i] : -1;
  }
  return SHOJI_OK;
}

// What a shoji_network_link points to.
struct NetworkLinkHandle {
  Host host;
  std::unique_ptr<NetworkLink> link;
};

template <typename T>
concept CanChangeInterfaces = requires(T& link, const shoji_call* call, std::string_view name) {
  { link.Add(call, name) } -> std::same_as<Result<const Nic*>>;
  { link.Remove(call, name) } -> std::same_as<Status>;
};

template <typename T>
struct NetworkInterfaceSlots {
  static NetworkLinkHandle* Of(shoji_network_link* link) {
    return reinterpret_cast<NetworkLinkHandle*>(link);
  }
  static T& Self(shoji_network_link* link) { return *static_cast<T*>(Of(link)->link.get()); }

  static std::int32_t Add(shoji_network_link* link, const shoji_call* call, shoji_str name,
                          shoji_nic* ret, shoji_error* error) noexcept {
    return Of(link)->host.Guard(error, [&]() -> Status {
      // Before anything is done that could not be told.
      if (!SHOJI_HAS(shoji_nic, ret, vhost_fds)) return TooShort("shoji_nic");
      SHOJI_ASSIGN_OR_RETURN(const Nic* nic, Self(link).Add(call, View(name)));
      if (nic == nullptr) return Internal("Add() of the plugin gave neither a NIC nor an error");
      if (FillNic(*nic, ret) == SHOJI_OK) return OkStatus();
      return Internal("interface \"" + nic->id + "\" of the plugin has too many queues");
    });
  }
  static std::int32_t Remove(shoji_network_link* link, const shoji_call* call, shoji_str nic_id,
                             shoji_error* error) noexcept {
    return Of(link)->host.Guard(error, [&] { return Self(link).Remove(call, View(nic_id)); });
  }
};

template <typename T>
class NetworkTrampolines {
  struct Handle {
    Host host;
    std::unique_ptr<NetworkBase> network;
  };
  using Link = NetworkLinkHandle;
  static Handle* Of(shoji_network* network) { return reinterpret_cast<Handle*>(network); }
  static Link* Of(shoji_network_link* link) { return reinterpret_cast<Link*>(link); }
  static shoji_network_link* Wrap(const Host& host, std::unique_ptr<NetworkLink> link) {
    return reinterpret_cast<shoji_network_link*>(new Link{host, std::move(link)});
  }

  static std::int32_t Open(void* plugin, const shoji_options* options, shoji_network** ret,
                           shoji_error* error) noexcept {
    const Host& host = HostOf(plugin);
    return host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<NetworkBase> network,
                             NotNull<NetworkBase>(T::Open(host, OptionMap(options)), "Open"));
      *ret = reinterpret_cast<shoji_network*>(new Handle{host, std::move(network)});
      return OkStatus();
    });
  }
  static void Close(shoji_network* network) noexcept { delete Of(network); }

  static std::int32_t Join(shoji_network* network, const shoji_call* call,
                           const shoji_network_params* params, shoji_network_link** ret,
                           shoji_error* error) noexcept {
    const Host& host = Of(network)->host;
    return host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(NetworkParams parsed, ParamsOf(params));
      SHOJI_ASSIGN_OR_RETURN(
          std::unique_ptr<NetworkLink> link,
          NotNull<NetworkLink>(Of(network)->network->Join(call, std::move(parsed)), "Join"));
      *ret = Wrap(host, std::move(link));
      return OkStatus();
    });
  }
  static std::int32_t GetNic(shoji_network_link* link, std::uint32_t index,
                             shoji_nic* ret) noexcept {
    try {
      const Nic* nic = Of(link)->link->NicAt(index);
      return nic != nullptr ? FillNic(*nic, ret) : SHOJI_OUT_OF_RANGE;
    } catch (...) {
      return SHOJI_INTERNAL;
    }
  }
  static std::int32_t GuestConfig(shoji_network_link* link, const shoji_call* call,
                                  const shoji_sink* ret, shoji_error* error) noexcept {
    return Of(link)->host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(const std::string json, Of(link)->link->GuestConfig(call));
      return Put(ret, json);
    });
  }
  static std::int32_t Limit(shoji_network_link* link, const shoji_call* call, shoji_str nic_id,
                            const shoji_network_limits* limits, shoji_error* error) noexcept {
    return Of(link)->host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(const NetworkLimits parsed, LimitsOf(limits));
      return Of(link)->link->Limit(call, View(nic_id), parsed);
    });
  }
  static std::int32_t SaveState(shoji_network_link* link, const shoji_sink* ret,
                                shoji_error* error) noexcept {
    return Of(link)->host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(const std::string state, Of(link)->link->SaveState());
      return Put(ret, state);
    });
  }
  static std::int32_t Attach(shoji_network* network, const shoji_call* call, shoji_str state,
                             shoji_network_link** ret, shoji_error* error) noexcept {
    const Host& host = Of(network)->host;
    return host.Guard(error, [&]() -> Status {
      NetworkBase::Attached attached = Of(network)->network->Attach(call, View(state));
      if (attached.status.ok() && attached.link == nullptr) {
        return Internal("Attach() of the plugin gave neither a link nor an error");
      }
      const bool gone = attached.status.code() == StatusCode::kNotFound;
      if (attached.link != nullptr && (gone || attached.status.ok())) {
        *ret = Wrap(host, std::move(attached.link));
      }
      return attached.status;
    });
  }
  static void CloseLink(shoji_network_link* link) noexcept { delete Of(link); }

  static std::int32_t Leave(shoji_network_link* link, const shoji_call* call,
                            shoji_error* error) noexcept {
    const std::unique_ptr<Link> handle(Of(link));
    if (handle == nullptr) return SHOJI_OK;
    return handle->host.Guard(error, [&] { return handle->link->Leave(call); });
  }
  static const void* GetExtension(shoji_network_link* link, const char* id) noexcept {
    try {
      return Of(link)->link->Extension(id);
    } catch (...) {
      return nullptr;
    }
  }

 public:
  static constexpr shoji_network_v1 kTable = {sizeof(shoji_network_v1),
                                              0,
                                              Open,
                                              Close,
                                              Join,
                                              GetNic,
                                              GuestConfig,
                                              Limit,
                                              SaveState,
                                              Attach,
                                              CloseLink,
                                              Leave,
                                              GetExtension};
};

}  // namespace internal

// The C table of network class T.
template <typename T>
const shoji_network_v1* NetworkTable() {
  return &internal::NetworkTrampolines<T>::kTable;
}

// The table of `id` for links of class T; null for another id or what T has no members for.
template <typename T>
const void* NetworkLinkExtension(std::string_view id) {
  static_assert(std::is_base_of_v<NetworkLink, T>, "T derives from shoji::sdk::NetworkLink");
  using Slots = internal::NetworkInterfaceSlots<T>;
  if constexpr (internal::CanChangeInterfaces<T>) {
    static constexpr shoji_network_interface_v1 kInterface = {sizeof(shoji_network_interface_v1), 0,
                                                              Slots::Add, Slots::Remove};
    if (id == SHOJI_NETWORK_INTERFACE_V1) return &kInterface;
  }
  return nullptr;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_NETWORK_H_

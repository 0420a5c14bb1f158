// Optional interfaces of an agent in C++.
//
// Purpose  A class derived from AgentBase that has the members gets the table:
//            shoji.agent.pause/1     Pause, Resume
//            shoji.agent.stats/1     Stats, ListProcesses
//            shoji.agent.update/1    Update
//            shoji.agent.network/1   UpdateInterface, UpdateRoutes, ListInterfaces, ListRoutes,
//                                    AddNeighbors
//            shoji.agent.hotplug/1   Online, ProbeMemory
//            shoji.agent.files/1     Copy
//            shoji.agent.oom/1       NextOom
//            shoji.agent.shim/1      ShimToken
// Threads  All of them may be called side by side.
// Example
//     class MyAgent : public shoji::sdk::AgentBase {
//      public:
//       Status Pause(const shoji_call*, std::string_view container_id);
//       Status Resume(const shoji_call*, std::string_view container_id);
//       Result<std::string> NextOom(const shoji_call*);
//       const void* GetExtension(const char* id) override {
//         return shoji::sdk::AgentExtension<MyAgent>(id);
//       }
//     };
#ifndef SHOJI_SDK_AGENT_EXT_H_
#define SHOJI_SDK_AGENT_EXT_H_

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/agent_shim.h"
#include "shoji/sdk/agent.h"

namespace shoji::sdk {

// The routes as they are then, also when the call failed.
struct RoutesUpdate {
  Status status;
  std::string json;
};

namespace internal {

template <typename T>
concept AgentPauses = requires(T& agent, const shoji_call* call, std::string_view id) {
  { agent.Pause(call, id) } -> std::same_as<Status>;
  { agent.Resume(call, id) } -> std::same_as<Status>;
};
template <typename T>
concept AgentCounts = requires(T& agent, const shoji_call* call, std::string_view text,
                               const std::vector<std::string_view>& args) {
  { agent.Stats(call, text) } -> std::same_as<Result<std::string>>;
  { agent.ListProcesses(call, text, text, args) } -> std::same_as<Result<std::string>>;
};
template <typename T>
concept AgentUpdates = requires(T& agent, const shoji_call* call, std::string_view text) {
  { agent.Update(call, text, text) } -> std::same_as<Status>;
};
template <typename T>
concept AgentHasNetwork = requires(T& agent, const shoji_call* call, std::string_view json) {
  { agent.UpdateInterface(call, json) } -> std::same_as<Result<std::string>>;
  { agent.UpdateRoutes(call, json) } -> std::same_as<RoutesUpdate>;
  { agent.ListInterfaces(call) } -> std::same_as<Result<std::string>>;
  { agent.ListRoutes(call) } -> std::same_as<Result<std::string>>;
  { agent.AddNeighbors(call, json) } -> std::same_as<Status>;
};
template <typename T>
concept AgentHotplugs = requires(T& agent, const shoji_call* call, std::uint32_t number,
                                 const std::vector<std::uint64_t>& addresses) {
  { agent.Online(call, number, number) } -> std::same_as<Status>;
  { agent.ProbeMemory(call, addresses) } -> std::same_as<Status>;
};
template <typename T>
concept AgentCopies = requires(T& agent, const shoji_call* call, const shoji_copy_request& r) {
  { agent.Copy(call, r) } -> std::same_as<Status>;
};
template <typename T>
concept AgentTellsOom = requires(T& agent, const shoji_call* call) {
  { agent.NextOom(call) } -> std::same_as<Result<std::string>>;
};
template <typename T>
concept AgentExcuses = requires(T& agent, const shoji_silence& silence) {
  { agent.ExcuseSilence(silence) } -> std::same_as<Status>;
};
template <typename T>
concept AgentHasTokens = requires(T& agent, const shoji_call* call, ProcessRef process) {
  { agent.ShimToken(call, process) } -> std::same_as<Result<std::string>>;
};

template <typename T>
struct AgentExtSlots {
  // The handle is the one that AgentTrampolines made.
  template <typename Body>
  static std::int32_t On(shoji_agent* agent, shoji_error* error, Body&& body) noexcept {
    AgentHandle* handle = OfAgent(agent);
    return handle->host.Guard(error,
                              [&]() -> Status { return body(static_cast<T&>(*handle->agent)); });
  }
  static Status Give(const shoji_sink* sink, const Result<std::string>& text) {
    return text.ok() ? Put(sink, *text) : text.status();
  }

  static std::int32_t Pause(shoji_agent* self, const shoji_call* call, shoji_str id,
                            shoji_error* e) noexcept {
    return On(self, e, [&](T& a) { return a.Pause(call, View(id)); });
  }
  static std::int32_t Resume(shoji_agent* self, const shoji_call* call, shoji_str id,
                             shoji_error* e) noexcept {
    return On(self, e, [&](T& a) { return a.Resume(call, View(id)); });
  }
  static std::int32_t Stats(shoji_agent* self, const shoji_call* call, shoji_str id,
                            const shoji_sink* ret, shoji_error* e) noexcept {
    return On(self, e, [&](T& a) { return Give(ret, a.Stats(call, View(id))); });
  }
  static std::int32_t ListProcesses(shoji_agent* self, const shoji_call* call, shoji_str id,
                                    shoji_str format, const shoji_str* args, std::uint32_t count,
                                    const shoji_sink* ret, shoji_error* e) noexcept {
    return On(self, e, [&](T& a) -> Status {
      std::vector<std::string_view> list;
      for (std::uint32_t i = 0; i < count; ++i) list.push_back(View(args[i]));
      return Give(ret, a.ListProcesses(call, View(id), View(format), list));
    });
  }
  static std::int32_t Update(shoji_agent* self, const shoji_call* call, shoji_str id,
                             shoji_str json, shoji_error* e) noexcept {
    return On(self, e, [&](T& a) { return a.Update(call, View(id), View(json)); });
  }
  static std::int32_t UpdateInterface(shoji_agent* self, const shoji_call* call, shoji_str json,
                                      const shoji_sink* ret, shoji_error* e) noexcept {
    return On(self, e, [&](T& a) { return Give(ret, a.UpdateInterface(call, View(json))); });
  }
  static std::int32_t UpdateRoutes(shoji_agent* self, const shoji_call* call, shoji_str json,
                                   const shoji_sink* ret, shoji_error* e) noexcept {
    return On(self, e, [&](T& a) -> Status {
      RoutesUpdate update = a.UpdateRoutes(call, View(json));
      if (Status put = Put(ret, update.json); update.status.ok()) return put;
      return update.status;
    });
  }
  static std::int32_t ListInterfaces(shoji_agent* self, const shoji_call* call,
                                     const shoji_sink* ret, shoji_error* e) noexcept {
    return On(self, e, [&](T& a) { return Give(ret, a.ListInterfaces(call)); });
  }
  static std::int32_t ListRoutes(shoji_agent* self, const shoji_call* call, const shoji_sink* ret,
                                 shoji_error* e) noexcept {
    return On(self, e, [&](T& a) { return Give(ret, a.ListRoutes(call)); });
  }
  static std::int32_t AddNeighbors(shoji_agent* self, const shoji_call* call, shoji_str json,
                                   shoji_error* e) noexcept {
    return On(self, e, [&](T& a) { return a.AddNeighbors(call, View(json)); });
  }
  static std::int32_t Online(shoji_agent* self, const shoji_call* call, std::uint32_t cpus,
                             std::uint32_t flags, shoji_error* e) noexcept {
    return On(self, e, [&](T& a) -> Status {
      SHOJI_RETURN_IF_ERROR(CheckFlags("online", flags, SHOJI_ONLINE_WAIT | SHOJI_ONLINE_CPU_ONLY));
      return a.Online(call, cpus, flags);
    });
  }
  static std::int32_t ProbeMemory(shoji_agent* self, const shoji_call* call,
                                  const std::uint64_t* addresses, std::uint32_t count,
                                  shoji_error* e) noexcept {
    return On(self, e, [&](T& a) {
      return a.ProbeMemory(call, std::vector<std::uint64_t>(addresses, addresses + count));
    });
  }
  static std::int32_t Copy(shoji_agent* self, const shoji_call* call,
                           const shoji_copy_request* request, shoji_error* e) noexcept {
    return On(self, e, [&](T& a) -> Status {
      if (!SHOJI_HAS(shoji_copy_request, request, data)) return TooShort("shoji_copy_request");
      return a.Copy(call, *request);
    });
  }
  static std::int32_t NextOom(shoji_agent* self, const shoji_call* call, const shoji_sink* ret,
                              shoji_error* e) noexcept {
    return On(self, e, [&](T& a) { return Give(ret, a.NextOom(call)); });
  }
  static std::int32_t Token(shoji_agent* self, const shoji_call* call, shoji_process_ref process,
                            const shoji_sink* ret, shoji_error* e) noexcept {
    return On(self, e, [&](T& a) {
      const ProcessRef ref{View(process.container_id), View(process.exec_id)};
      return Give(ret, a.ShimToken(call, ref));
    });
  }
  static std::int32_t Excuse(shoji_agent* self, const shoji_silence* silence,
                             shoji_error* e) noexcept {
    return On(self, e, [&](T& a) -> Status {
      if (!SHOJI_HAS(shoji_silence, silence, paused)) return TooShort("shoji_silence");
      return a.ExcuseSilence(*silence);
    });
  }
};

// What concerns containers and processes.
template <typename T>
const void* ContainerExtension(std::string_view id) {
  using Slots = AgentExtSlots<T>;
  if constexpr (AgentPauses<T>) {
    static constexpr shoji_agent_pause_v1 kPause = {sizeof(shoji_agent_pause_v1), 0, Slots::Pause,
                                                    Slots::Resume};
    if (id == SHOJI_AGENT_PAUSE_V1) return &kPause;
  }
  if constexpr (AgentCounts<T>) {
    static constexpr shoji_agent_stats_v1 kStats = {sizeof(shoji_agent_stats_v1), 0, Slots::Stats,
                                                    Slots::ListProcesses};
    if (id == SHOJI_AGENT_STATS_V1) return &kStats;
  }
  if constexpr (AgentUpdates<T>) {
    static constexpr shoji_agent_update_v1 kUpdate = {sizeof(shoji_agent_update_v1), 0,
                                                      Slots::Update};
    if (id == SHOJI_AGENT_UPDATE_V1) return &kUpdate;
  }
  if constexpr (AgentHasTokens<T>) {
    static constexpr shoji_agent_shim_v1 kShim = {sizeof(shoji_agent_shim_v1), 0, Slots::Token};
    if (id == SHOJI_AGENT_SHIM_V1) return &kShim;
  }
  return nullptr;
}

// What concerns the guest as a whole.
template <typename T>
const void* GuestExtension(std::string_view id) {
  using Slots = AgentExtSlots<T>;
  if constexpr (AgentHasNetwork<T>) {
    static constexpr shoji_agent_network_v1 kNetwork = {sizeof(shoji_agent_network_v1),
                                                        0,
                                                        Slots::UpdateInterface,
                                                        Slots::UpdateRoutes,
                                                        Slots::ListInterfaces,
                                                        Slots::ListRoutes,
                                                        Slots::AddNeighbors};
    if (id == SHOJI_AGENT_NETWORK_V1) return &kNetwork;
  }
  if constexpr (AgentHotplugs<T>) {
    static constexpr shoji_agent_hotplug_v1 kHotplug = {sizeof(shoji_agent_hotplug_v1), 0,
                                                        Slots::Online, Slots::ProbeMemory};
    if (id == SHOJI_AGENT_HOTPLUG_V1) return &kHotplug;
  }
  if constexpr (AgentCopies<T>) {
    static constexpr shoji_agent_files_v1 kFiles = {sizeof(shoji_agent_files_v1), 0, Slots::Copy};
    if (id == SHOJI_AGENT_FILES_V1) return &kFiles;
  }
  if constexpr (AgentTellsOom<T>) {
    static constexpr shoji_agent_oom_v1 kOom = {sizeof(shoji_agent_oom_v1), 0, Slots::NextOom};
    if (id == SHOJI_AGENT_OOM_V1) return &kOom;
  }
  if constexpr (AgentExcuses<T>) {
    static constexpr shoji_agent_silence_v1 kSilence = {sizeof(shoji_agent_silence_v1), 0,
                                                        Slots::Excuse};
    if (id == SHOJI_AGENT_SILENCE_V1) return &kSilence;
  }
  return nullptr;
}

}  // namespace internal

// The table of `id` for agents of class T; null for another id or what T has no members for.
template <typename T>
const void* AgentExtension(std::string_view id) {
  static_assert(std::is_base_of_v<AgentBase, T>, "T derives from shoji::sdk::AgentBase");
  const void* table = internal::ContainerExtension<T>(id);
  return table != nullptr ? table : internal::GuestExtension<T>(id);
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_AGENT_EXT_H_

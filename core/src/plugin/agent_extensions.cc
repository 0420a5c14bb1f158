// Optional interfaces of an agent: UNIMPLEMENTED names the plugin where it has none.
#include "plugin/interfaces.h"
#include "plugin/slots.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/agent_shim.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxToken = 4096;

}  // namespace

const void* Agent::Extension(const char* id) const {
  if (!SHOJI_HAS_SLOT(shoji_agent_v1, table_, get_extension)) return nullptr;
  return table_->get_extension(handle_, id);
}

// Finds table `Table` under `id` and calls its slot with the agent, the call and what follows.
#define SHOJI_AGENT_EXTENSION(Table, id, slot, ...)                     \
  const auto* table = static_cast<const Table*>(Extension(id));         \
  if (!SHOJI_HAS_SLOT(Table, table, slot)) return NoSlot(name_, #slot); \
  const CallArg arg(call);                                              \
  PluginError error;                                                    \
  const Status status = error.ToStatus(                                 \
      name_, #slot, table->slot(handle_, arg.get() __VA_OPT__(, ) __VA_ARGS__, error.get()))
#define SHOJI_AGENT_NETWORK(slot, ...) \
  SHOJI_AGENT_EXTENSION(shoji_agent_network_v1, SHOJI_AGENT_NETWORK_V1, slot, __VA_ARGS__)

Status Agent::PauseContainer(const Call& call, const std::string& container_id) {
  SHOJI_AGENT_EXTENSION(shoji_agent_pause_v1, SHOJI_AGENT_PAUSE_V1, pause, ToStr(container_id));
  return status;
}

Status Agent::ResumeContainer(const Call& call, const std::string& container_id) {
  SHOJI_AGENT_EXTENSION(shoji_agent_pause_v1, SHOJI_AGENT_PAUSE_V1, resume, ToStr(container_id));
  return status;
}

bool Agent::shim_first() const {
  const auto* table = static_cast<const shoji_agent_shim_v1*>(Extension(SHOJI_AGENT_SHIM_V1));
  return SHOJI_HAS_SLOT(shoji_agent_shim_v1, table, token);
}

Result<std::string> Agent::ShimToken(const Call& call, const ProcessRef& process) {
  if (!shim_first()) return std::string();
  TextSink sink(kMaxToken);
  const shoji_process_ref ref = {ToStr(process.container_id), ToStr(process.exec_id)};
  SHOJI_AGENT_EXTENSION(shoji_agent_shim_v1, SHOJI_AGENT_SHIM_V1, token, ref, sink.get());
  if (!status.ok()) return status;
  if (!sink.text().empty()) return sink.Take();
  return Internal("plugin " + name_ + ": call token succeeded without giving a token");
}

Result<std::string> Agent::StatsContainer(const Call& call, const std::string& container_id) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_EXTENSION(shoji_agent_stats_v1, SHOJI_AGENT_STATS_V1, stats, ToStr(container_id),
                        sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Result<std::string> Agent::ListProcesses(const Call& call, const std::string& container_id,
                                         const std::string& format,
                                         const std::vector<std::string>& args) {
  TextSink sink(kMaxText);
  const std::vector<shoji_str> list = ToStrs(args);
  SHOJI_AGENT_EXTENSION(shoji_agent_stats_v1, SHOJI_AGENT_STATS_V1, list_processes,
                        ToStr(container_id), ToStr(format), list.data(), Count(list.size()),
                        sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Status Agent::UpdateContainer(const Call& call, const std::string& container_id,
                              const std::string& resources_json) {
  SHOJI_AGENT_EXTENSION(shoji_agent_update_v1, SHOJI_AGENT_UPDATE_V1, update, ToStr(container_id),
                        ToStr(resources_json));
  return status;
}

Result<std::string> Agent::UpdateInterface(const Call& call, const std::string& interface_json) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_NETWORK(update_interface, ToStr(interface_json), sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Result<std::string> Agent::UpdateRoutes(const Call& call, const std::string& routes_json) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_NETWORK(update_routes, ToStr(routes_json), sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Result<std::string> Agent::ListInterfaces(const Call& call) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_NETWORK(list_interfaces, sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Result<std::string> Agent::ListRoutes(const Call& call) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_NETWORK(list_routes, sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

Status Agent::AddNeighbors(const Call& call, const std::string& neighbors_json) {
  SHOJI_AGENT_NETWORK(add_neighbors, ToStr(neighbors_json));
  return status;
}

Status Agent::Online(const Call& call, std::uint32_t cpus, std::uint32_t flags) {
  SHOJI_AGENT_EXTENSION(shoji_agent_hotplug_v1, SHOJI_AGENT_HOTPLUG_V1, online, cpus, flags);
  return status;
}

Status Agent::ProbeMemory(const Call& call, const std::vector<std::uint64_t>& addresses) {
  SHOJI_AGENT_EXTENSION(shoji_agent_hotplug_v1, SHOJI_AGENT_HOTPLUG_V1, probe_memory,
                        addresses.data(), Count(addresses.size()));
  return status;
}

Status Agent::CopyPiece(const Call& call, const FilePiece& piece) {
  shoji_copy_request raw{};
  raw.struct_size = sizeof(raw);
  raw.file_mode = piece.file_mode;
  raw.dir_mode = piece.dir_mode;
  raw.uid = piece.uid;
  raw.gid = piece.gid;
  raw.path = ToStr(piece.path);
  raw.file_size = piece.file_size;
  raw.offset = piece.offset;
  raw.data = ToStr(piece.data);
  SHOJI_AGENT_EXTENSION(shoji_agent_files_v1, SHOJI_AGENT_FILES_V1, copy, &raw);
  return status;
}

Result<std::string> Agent::NextOom(const Call& call) {
  TextSink sink(kMaxText);
  SHOJI_AGENT_EXTENSION(shoji_agent_oom_v1, SHOJI_AGENT_OOM_V1, next, sink.get());
  if (!status.ok()) return status;
  return sink.Take();
}

#undef SHOJI_AGENT_EXTENSION
#undef SHOJI_AGENT_NETWORK

Status Agent::ExcuseSilence(std::function<bool()> paused) {
  const auto* table = static_cast<const shoji_agent_silence_v1*>(Extension(SHOJI_AGENT_SILENCE_V1));
  if (!SHOJI_HAS_SLOT(shoji_agent_silence_v1, table, excuse)) return NoSlot(name_, "excuse");
  if (paused_) return FailedPrecondition(name_ + " knows already whom to ask");
  paused_ = std::move(paused);
  shoji_silence silence{};
  silence.struct_size = sizeof(silence);
  silence.ctx = &paused_;
  silence.paused = [](void* ctx) noexcept -> std::int32_t {
    return (*static_cast<const std::function<bool()>*>(ctx))() ? 1 : 0;
  };
  PluginError error;
  return error.ToStatus(name_, "excuse", table->excuse(handle_, &silence, error.get()));
}

}  // namespace shoji

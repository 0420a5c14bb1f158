// The optional interfaces of an agent but the network: pause, statistics, update, hotplug,
// files, out-of-memory events.
#include <limits>

#include "agent.h"
#include "oci_spec.h"
#include "shoji-kata/agent.pb.h"
#include "stats_json.h"

namespace shoji::agent_kata {

namespace {

constexpr std::size_t kMaxCopy = 1U << 20U;

template <typename Message>
Message OfContainer(std::string_view container_id) {
  Message message;
  message.set_container_id(std::string(container_id));
  return message;
}

Status CheckCopy(const shoji_copy_request& request) {
  const std::string name = "file \"" + sdk::String(request.path) + "\" for the guest: ";
  constexpr auto kMaxId = std::numeric_limits<std::int32_t>::max();
  constexpr auto kMaxSize = std::numeric_limits<std::int64_t>::max();
  if (!sdk::View(request.path).starts_with('/')) {
    return InvalidArgument(name + "its path is not absolute");
  }
  if (request.data.size > kMaxCopy) {
    return InvalidArgument(name + "a piece of " + std::to_string(request.data.size) +
                           " bytes; 1048576 is the most");
  }
  if (request.file_size > kMaxSize || request.offset > request.file_size ||
      request.data.size > request.file_size - request.offset) {
    return InvalidArgument(name + "a piece of " + std::to_string(request.data.size) + " bytes at " +
                           std::to_string(request.offset) + " is not inside its " +
                           std::to_string(request.file_size) + " bytes");
  }
  if (request.uid > kMaxId || request.gid > kMaxId) {
    return InvalidArgument(name + "owner " + std::to_string(request.uid) + ":" +
                           std::to_string(request.gid) + "; 2147483647 is the greatest id");
  }
  return OkStatus();
}

}  // namespace

Status KataAgent::Pause(const shoji_call* call, std::string_view container_id) {
  return Do("grpc.AgentService/PauseContainer", call,
            OfContainer<grpc::PauseContainerRequest>(container_id));
}

Status KataAgent::Resume(const shoji_call* call, std::string_view container_id) {
  return Do("grpc.AgentService/ResumeContainer", call,
            OfContainer<grpc::ResumeContainerRequest>(container_id));
}

Result<std::string> KataAgent::Stats(const shoji_call* call, std::string_view container_id) {
  grpc::StatsContainerResponse reply;
  SHOJI_RETURN_IF_ERROR(rpc_.Call("grpc.AgentService/StatsContainer", call,
                                  OfContainer<grpc::StatsContainerRequest>(container_id), &reply));
  return StatsToJson(reply);
}

Result<std::string> KataAgent::ListProcesses(const shoji_call* call, std::string_view container_id,
                                             std::string_view format,
                                             const std::vector<std::string_view>& args) {
  if (format != "json" && format != "table") {
    return InvalidArgument("format of a list of processes is \"" + std::string(format) +
                           "\"; write json or table");
  }
  auto message = OfContainer<grpc::ListProcessesRequest>(container_id);
  message.set_format(std::string(format));
  for (const std::string_view arg : args) message.add_args(std::string(arg));
  grpc::ListProcessesResponse reply;
  SHOJI_RETURN_IF_ERROR(rpc_.Call("grpc.AgentService/ListProcesses", call, message, &reply));
  return std::move(*reply.mutable_process_list());
}

Status KataAgent::Update(const shoji_call* call, std::string_view container_id,
                         std::string_view resources_json) {
  auto message = OfContainer<grpc::UpdateContainerRequest>(container_id);
  SHOJI_RETURN_IF_ERROR(ResourcesFromJson(resources_json, message.mutable_resources()));
  return Do("grpc.AgentService/UpdateContainer", call, message);
}

Status KataAgent::Online(const shoji_call* call, std::uint32_t cpus, std::uint32_t flags) {
  grpc::OnlineCPUMemRequest message;
  message.set_wait((flags & SHOJI_ONLINE_WAIT) != 0);
  message.set_nb_cpus(cpus);
  message.set_cpu_only((flags & SHOJI_ONLINE_CPU_ONLY) != 0);
  return Do("grpc.AgentService/OnlineCPUMem", call, message);
}

Status KataAgent::ProbeMemory(const shoji_call* call, const std::vector<std::uint64_t>& addresses) {
  grpc::MemHotplugByProbeRequest message;
  for (const std::uint64_t address : addresses) message.add_memhotplugprobeaddr(address);
  return Do("grpc.AgentService/MemHotplugByProbe", call, message);
}

Status KataAgent::Copy(const shoji_call* call, const shoji_copy_request& request) {
  SHOJI_RETURN_IF_ERROR(CheckCopy(request));
  grpc::CopyFileRequest message;
  message.set_path(sdk::String(request.path));
  message.set_file_size(static_cast<std::int64_t>(request.file_size));
  message.set_file_mode(request.file_mode);
  message.set_dir_mode(request.dir_mode);
  message.set_uid(static_cast<std::int32_t>(request.uid));
  message.set_gid(static_cast<std::int32_t>(request.gid));
  message.set_offset(static_cast<std::int64_t>(request.offset));
  message.set_data(request.data.data, request.data.size);
  return Do("grpc.AgentService/CopyFile", call, message);
}

Result<std::string> KataAgent::NextOom(const shoji_call* call) {
  grpc::OOMEvent event;
  SHOJI_RETURN_IF_ERROR(
      rpc_.Call("grpc.AgentService/GetOOMEvent", call, grpc::GetOOMEventRequest(), &event));
  return std::move(*event.mutable_container_id());
}

Status KataAgent::ExcuseSilence(const shoji_silence& silence) {
  rpc_.ExcuseSilence([silence] { return silence.paused(silence.ctx) != 0; });
  return OkStatus();
}

}  // namespace shoji::agent_kata

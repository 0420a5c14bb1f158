#include "agent.h"

#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "json_text.h"
#include "oci_spec.h"
#include "output.h"
#include "shoji-kata/agent.pb.h"
#include "shoji-kata/health.pb.h"

namespace shoji::agent_kata {

namespace {

// Larger pieces gain nothing and keep other streams of the connection waiting.
constexpr std::size_t kMaxPiece = 1U << 20U;

template <typename Message>
void SetProcess(sdk::ProcessRef process, Message* message) {
  message->set_container_id(std::string(process.container_id));
  message->set_exec_id(std::string(process.exec_id));
}

template <typename Repeated>
void AddStrings(const shoji_str* items, std::uint32_t count, Repeated* out) {
  for (std::uint32_t i = 0; i < count; ++i) *out->Add() = sdk::String(items[i]);
}

template <typename Repeated>
void AddStorages(const shoji_storage* const* storages, std::uint32_t count, Repeated* out) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const shoji_storage& from = *storages[i];
    grpc::Storage* to = out->Add();
    to->set_driver(sdk::String(from.driver));
    to->set_source(sdk::String(from.source));
    to->set_fstype(sdk::String(from.fstype));
    to->set_mount_point(sdk::String(from.mount_point));
    AddStrings(from.options, from.option_count, to->mutable_options());
    AddStrings(from.driver_options, from.driver_option_count, to->mutable_driver_options());
  }
}

void AddDevice(const shoji_agent_device& from, grpc::Device* to) {
  to->set_id(sdk::String(from.id));
  to->set_type(sdk::String(from.type));
  to->set_vm_path(sdk::String(from.vm_path));
  to->set_container_path(sdk::String(from.container_path));
  AddStrings(from.options, from.option_count, to->mutable_options());
}

Status CheckFlags(std::uint32_t flags) {
  if ((flags & ~SHOJI_SANDBOX_SHARED_PIDNS) == 0) return OkStatus();
  return InvalidArgument("unknown flags " + std::to_string(flags) +
                         "; SHOJI_SANDBOX_SHARED_PIDNS (1) is the only one");
}

// A command that cannot be run is the user's affair: programs tell it apart by this detail.
Status ExplainCommand(Status status) {
  if (status.message().find(": exec: ") == std::string::npos) return status;
  if (status.code() == StatusCode::kNotFound) {
    return std::move(status).WithDetail("reason", "command-not-found");
  }
  if (status.code() == StatusCode::kPermissionDenied) {
    return std::move(status).WithDetail("reason", "command-not-executable");
  }
  return status;
}

// An option that the host did not pass keeps its default.
Status ReadSpan(const sdk::OptionMap& options, const char* name, std::chrono::nanoseconds* span) {
  if (options.Get(name).empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t nanos, options.GetNumber(name));
  constexpr std::uint64_t kYear = 365ULL * 24 * 3600 * 1'000'000'000;
  *span = std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(nanos, kYear)));
  return OkStatus();
}

Result<Patience> ReadPatience(const sdk::OptionMap& options) {
  Patience patience;
  SHOJI_RETURN_IF_ERROR(ReadSpan(options, "ask_every", &patience.ask_every));
  SHOJI_RETURN_IF_ERROR(ReadSpan(options, "give_up", &patience.give_up));
  if (patience.give_up.count() > 0) return patience;
  return InvalidArgument(
      "option \"give_up\" is 0; write at least 1s, or ask_every = 0 to wait "
      "for a silent guest for ever");
}

nlohmann::json Strings(const google::protobuf::RepeatedPtrField<std::string>& items) {
  nlohmann::json out = nlohmann::json::array();
  for (const std::string& item : items) out.push_back(item);
  return out;
}

}  // namespace

Result<std::unique_ptr<sdk::AgentBase>> KataAgent::Open(const sdk::Host& /*host*/,
                                                        const shoji_options* options,
                                                        sdk::Connector connector) {
  SHOJI_ASSIGN_OR_RETURN(const Patience patience, ReadPatience(sdk::OptionMap(options)));
  return std::unique_ptr<sdk::AgentBase>(
      std::make_unique<KataAgent>(std::move(connector), patience));
}

// For RPCs that answer with google.protobuf.Empty, which is any message without fields; the
// well-known one would bring in the full protobuf runtime.
Status KataAgent::Do(std::string_view method, const shoji_call* call,
                     const google::protobuf::MessageLite& request) {
  grpc::DestroySandboxRequest empty;
  return rpc_.Call(method, call, request, &empty);
}

Status KataAgent::Check(const shoji_call* call) {
  grpc::HealthCheckResponse reply;
  SHOJI_RETURN_IF_ERROR(
      rpc_.CallPatiently("grpc.Health/Check", call, grpc::CheckRequest(), &reply));
  if (reply.status() == grpc::HealthCheckResponse::SERVING) return OkStatus();
  return Unavailable("guest agent: Check: it answers but does not serve (status " +
                     std::to_string(reply.status()) + ")");
}

Result<std::string> KataAgent::GuestDetails(const shoji_call* call) {
  grpc::VersionCheckResponse version;
  SHOJI_RETURN_IF_ERROR(rpc_.Call("grpc.Health/Version", call, grpc::CheckRequest(), &version));
  grpc::GuestDetailsRequest request;
  request.set_mem_block_size(true);
  grpc::GuestDetailsResponse details;
  const Status told = rpc_.Call("grpc.AgentService/GetGuestDetails", call, request, &details);
  // Before 1.3 there were none: no seccomp, and a block size nobody can ask for.
  if (!told.ok() && told.code() != StatusCode::kUnimplemented) return told;
  const grpc::AgentDetails& agent = details.agent_details();
  const nlohmann::json json = {
      {"agent_version", agent.version().empty() ? version.agent_version() : agent.version()},
      {"grpc_version", version.grpc_version()},
      {"mem_block_size_bytes", details.mem_block_size_bytes()},
      {"supports_seccomp", agent.supports_seccomp()},
      {"storage_handlers", Strings(agent.storage_handlers())},
      {"device_handlers", Strings(agent.device_handlers())}};
  return JsonText(json);
}

Status KataAgent::CreateSandbox(const shoji_call* call, const shoji_sandbox_request& request) {
  SHOJI_RETURN_IF_ERROR(CheckFlags(request.flags));
  grpc::CreateSandboxRequest message;
  message.set_sandbox_id(sdk::String(request.sandbox_id));
  message.set_hostname(sdk::String(request.hostname));
  message.set_sandbox_pidns((request.flags & SHOJI_SANDBOX_SHARED_PIDNS) != 0);
  message.set_guest_hook_path(sdk::String(request.guest_hook_path));
  AddStrings(request.dns, request.dns_count, message.mutable_dns());
  AddStorages(request.storages, request.storage_count, message.mutable_storages());
  return Do("grpc.AgentService/CreateSandbox", call, message);
}

Status KataAgent::DestroySandbox(const shoji_call* call) {
  return Do("grpc.AgentService/DestroySandbox", call, grpc::DestroySandboxRequest());
}

Result<bool> KataAgent::FiltersSyscalls(const shoji_call* call) {
  if (filters_syscalls_ == Answer::kNotAsked) {
    grpc::GuestDetailsResponse details;
    const Status asked =
        rpc_.Call("grpc.AgentService/GetGuestDetails", call, grpc::GuestDetailsRequest(), &details);
    const bool too_old = asked.code() == StatusCode::kUnimplemented;  // before 1.3
    if (!asked.ok() && !too_old) return asked;
    filters_syscalls_ = details.agent_details().supports_seccomp() ? Answer::kYes : Answer::kNo;
  }
  return filters_syscalls_ == Answer::kYes;
}

Status KataAgent::CreateContainer(const shoji_call* call, const shoji_container_request& request) {
  SHOJI_RETURN_IF_ERROR(CheckFlags(request.flags));
  grpc::CreateContainerRequest message;
  message.set_container_id(sdk::String(request.container_id));
  message.set_exec_id(sdk::String(request.exec_id));
  message.set_sandbox_pidns((request.flags & SHOJI_SANDBOX_SHARED_PIDNS) != 0);
  SHOJI_RETURN_IF_ERROR(SpecFromJson(sdk::View(request.spec_json), message.mutable_oci()));
  if (message.oci().linux().has_seccomp()) {
    SHOJI_ASSIGN_OR_RETURN(const bool filters, FiltersSyscalls(call));
    if (!filters) message.mutable_oci()->mutable_linux()->clear_seccomp();
  }
  AddStorages(request.storages, request.storage_count, message.mutable_storages());
  for (std::uint32_t i = 0; i < request.device_count; ++i) {
    AddDevice(*request.devices[i], message.add_devices());
  }
  return Do("grpc.AgentService/CreateContainer", call, message);
}

Status KataAgent::StartContainer(const shoji_call* call, std::string_view container_id) {
  grpc::StartContainerRequest message;
  message.set_container_id(std::string(container_id));
  return ExplainCommand(Do("grpc.AgentService/StartContainer", call, message));
}

Status KataAgent::RemoveContainer(const shoji_call* call, std::string_view container_id,
                                  std::uint32_t timeout_s) {
  grpc::RemoveContainerRequest message;
  message.set_container_id(std::string(container_id));
  message.set_timeout(timeout_s);
  return Do("grpc.AgentService/RemoveContainer", call, message);
}

Status KataAgent::ExecProcess(const shoji_call* call, const shoji_exec_request& request) {
  grpc::ExecProcessRequest message;
  message.set_container_id(sdk::String(request.container_id));
  message.set_exec_id(sdk::String(request.exec_id));
  SHOJI_RETURN_IF_ERROR(
      ProcessFromJson(sdk::View(request.process_json), message.mutable_process()));
  return ExplainCommand(Do("grpc.AgentService/ExecProcess", call, message));
}

Status KataAgent::SignalProcess(const shoji_call* call, sdk::ProcessRef process,
                                std::uint32_t signal) {
  grpc::SignalProcessRequest message;
  SetProcess(process, &message);
  message.set_signal(signal);
  return Do("grpc.AgentService/SignalProcess", call, message);
}

Result<std::int32_t> KataAgent::WaitProcess(const shoji_call* call, sdk::ProcessRef process) {
  grpc::WaitProcessRequest message;
  SetProcess(process, &message);
  grpc::WaitProcessResponse reply;
  SHOJI_RETURN_IF_ERROR(rpc_.Call("grpc.AgentService/WaitProcess", call, message, &reply));
  return reply.status();
}

Result<std::uint64_t> KataAgent::WriteStdin(const shoji_call* call, sdk::ProcessRef process,
                                            std::string_view data) {
  grpc::WriteStreamRequest message;
  SetProcess(process, &message);
  const std::string_view piece = data.substr(0, kMaxPiece);
  message.set_data(piece.data(), piece.size());
  grpc::WriteStreamResponse reply;
  SHOJI_RETURN_IF_ERROR(rpc_.Call("grpc.AgentService/WriteStdin", call, message, &reply));
  if (reply.len() <= piece.size()) return std::uint64_t{reply.len()};
  return Internal("guest agent: WriteStdin: it took " + std::to_string(reply.len()) + " of " +
                  std::to_string(piece.size()) + " bytes");
}

Status KataAgent::CloseStdin(const shoji_call* call, sdk::ProcessRef process) {
  grpc::CloseStdinRequest message;
  SetProcess(process, &message);
  return Do("grpc.AgentService/CloseStdin", call, message);
}

Status KataAgent::ReadOutput(std::string_view method, const shoji_call* call,
                             sdk::ProcessRef process, std::uint32_t max_bytes,
                             const shoji_sink* data) {
  if (max_bytes == 0) return InvalidArgument("max_bytes of a read is 0, expected at least 1");
  grpc::ReadStreamRequest message;
  SetProcess(process, &message);
  message.set_len(static_cast<std::uint32_t>(std::min<std::size_t>(max_bytes, kMaxPiece)));
  grpc::ReadStreamRequest give_back = message;
  give_back.set_len(0);
  for (;;) {
    grpc::ByteBuffer reply;
    SHOJI_RETURN_IF_ERROR(rpc_.CallOff(method, call, message, give_back, &reply));
    // An answer without data: somebody sent all readers of this stream home.
    if (reply.Length() > 0) return PutOutput(&reply, max_bytes, data);
  }
}

Status KataAgent::ReadStdout(const shoji_call* call, sdk::ProcessRef process,
                             std::uint32_t max_bytes, const shoji_sink* data) {
  return ReadOutput("grpc.AgentService/ReadStdout", call, process, max_bytes, data);
}

Status KataAgent::ReadStderr(const shoji_call* call, sdk::ProcessRef process,
                             std::uint32_t max_bytes, const shoji_sink* data) {
  return ReadOutput("grpc.AgentService/ReadStderr", call, process, max_bytes, data);
}

Status KataAgent::TtyWinResize(const shoji_call* call, sdk::ProcessRef process, std::uint32_t rows,
                               std::uint32_t columns) {
  grpc::TtyWinResizeRequest message;
  SetProcess(process, &message);
  message.set_row(rows);
  message.set_column(columns);
  return Do("grpc.AgentService/TtyWinResize", call, message);
}

Status KataAgent::ReseedRandom(const shoji_call* call, std::string_view data) {
  grpc::ReseedRandomDevRequest message;
  message.set_data(data.data(), data.size());
  return Do("grpc.AgentService/ReseedRandomDev", call, message);
}

Status KataAgent::SetTime(const shoji_call* call, std::int64_t seconds, std::int64_t microseconds) {
  grpc::SetGuestDateTimeRequest message;
  message.set_sec(seconds);
  message.set_usec(microseconds);
  return Do("grpc.AgentService/SetGuestDateTime", call, message);
}

}  // namespace shoji::agent_kata

#include "agent.h"

#include <csignal>

#include "commands.h"
#include "shoji/ccproto/messages.h"
#include "shoji/sdk/agent_ext.h"

namespace shoji::agent_hyperstart {
namespace {

using ccproto::Limit;

Status ByShim(const char* what) {
  return Unimplemented(std::string("hyperstart leaves ") + what + " to the shim");
}

Status Cannot(const char* what) { return Unimplemented(std::string("hyperstart cannot ") + what); }

Limit LimitOf(const shoji_call* call) {
  const sdk::CallView view(call);
  return {Deadline::FromNanos(view.get()->deadline_ns), view.get()->cancel_fd};
}

Status NoContainer(std::string_view id) {
  return NotFound("hyperstart has no container \"" + std::string(id) + "\"");
}

}  // namespace

Result<std::unique_ptr<sdk::AgentBase>> HyperstartAgent::Open(const sdk::Host& /*host*/,
                                                              const shoji_options* /*options*/,
                                                              sdk::Connector connector) {
  return std::unique_ptr<sdk::AgentBase>(new HyperstartAgent(std::move(connector)));
}

Result<HyperstartAgent::Line> HyperstartAgent::Reach(const shoji_call* call) const {
  std::int32_t fd = -1;
  const std::int32_t code = connector_.Connect(call, &fd, nullptr);
  if (code == SHOJI_OK) return Line{ccproto::Client(UniqueFd(fd)), LimitOf(call)};
  const auto status = static_cast<StatusCode>(code);
  return Status(status, "the guest cannot be reached (" + std::string(StatusCodeName(status)) +
                            "); its VM or proxy is gone or not there yet");
}

Status HyperstartAgent::Ask(Line& line, const std::string& name, const std::string& data,
                            const std::vector<std::string>& tokens) {
  SHOJI_ASSIGN_OR_RETURN(const std::string payload, ccproto::HyperJson(name, tokens, data));
  const auto reply = line.client.Call(ccproto::kHyper, payload, line.limit);
  return reply.ok() ? OkStatus() : reply.status().WithContext("hyperstart's " + name);
}

Result<std::string> HyperstartAgent::NewToken(Line& line, const std::string& sandbox_id) {
  SHOJI_ASSIGN_OR_RETURN(
      const std::string reply,
      line.client.Call(ccproto::kAttachVm, ccproto::AttachVmJson(sandbox_id, 1), line.limit));
  SHOJI_ASSIGN_OR_RETURN(ccproto::IoStreams io, ccproto::ParseIoStreams(reply));
  if (io.tokens.size() == 1) return std::move(io.tokens[0]);
  return DataLoss("cc-proxy gives " + std::to_string(io.tokens.size()) + " tokens instead of 1");
}

Result<Notes> HyperstartAgent::NotesOf(Line& line, std::string_view container_id) {
  SHOJI_ASSIGN_OR_RETURN(Notes notes, book_.Read(line.client.fd()));
  if (notes.containers.count(std::string(container_id)) == 0) return NoContainer(container_id);
  return notes;
}

Status HyperstartAgent::Check(const shoji_call* call) {
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  return Ask(line, "ping", "");
}

// What it knows of itself: nothing.
Result<std::string> HyperstartAgent::GuestDetails(const shoji_call* call) {
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  SHOJI_RETURN_IF_ERROR(Ask(line, "ping", ""));
  return std::string(R"({"agent_version":"hyperstart","grpc_version":"","mem_block_size_bytes":0,)"
                     R"("supports_seccomp":false,"storage_handlers":[],"device_handlers":[]})");
}

Status HyperstartAgent::CreateSandbox(const shoji_call* call,
                                      const shoji_sandbox_request& request) {
  SHOJI_ASSIGN_OR_RETURN(const std::string data, StartSandboxJson(request));
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  SHOJI_ASSIGN_OR_RETURN(Notes notes, book_.Read(line.client.fd()));
  if (!notes.sandbox_id.empty()) {
    return AlreadyExists("hyperstart has sandbox \"" + notes.sandbox_id + "\" already");
  }
  SHOJI_RETURN_IF_ERROR(Ask(line, "startsandbox", data));
  notes.sandbox_id = sdk::String(request.sandbox_id);
  return book_.Write(line.client.fd(), notes);
}

Status HyperstartAgent::DestroySandbox(const shoji_call* call) {
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  SHOJI_ASSIGN_OR_RETURN(const Notes notes, book_.Read(line.client.fd()));
  if (notes.sandbox_id.empty()) return OkStatus();
  SHOJI_RETURN_IF_ERROR(Ask(line, "destroysandbox", ""));
  return book_.Write(line.client.fd(), Notes());
}

// Hyperstart hears of it when it starts.
Status HyperstartAgent::CreateContainer(const shoji_call* call,
                                        const shoji_container_request& request) {
  if (request.flags != 0) return Cannot("put the containers of a pod into one PID namespace");
  if (request.storage_count > 0) return Cannot("mount storages for a container");
  if (request.device_count > 0) return Cannot("put devices into a container");
  const std::string id = sdk::String(request.container_id);
  ContainerNote note;
  SHOJI_ASSIGN_OR_RETURN(note.request, NewContainerJson(id, sdk::View(request.spec_json)));
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  SHOJI_ASSIGN_OR_RETURN(Notes notes, book_.Read(line.client.fd()));
  if (notes.sandbox_id.empty()) return FailedPrecondition("hyperstart has no sandbox yet");
  if (notes.containers.count(id) != 0) {
    return AlreadyExists("hyperstart has container \"" + id + "\" already");
  }
  SHOJI_ASSIGN_OR_RETURN(note.token, NewToken(line, notes.sandbox_id));
  notes.containers[id] = std::move(note);
  return book_.Write(line.client.fd(), notes);
}

Status HyperstartAgent::StartContainer(const shoji_call* call, std::string_view container_id) {
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  SHOJI_ASSIGN_OR_RETURN(Notes notes, NotesOf(line, container_id));
  ContainerNote& note = notes.containers[std::string(container_id)];
  if (note.started) {
    return FailedPrecondition("container \"" + std::string(container_id) + "\" was started");
  }
  SHOJI_RETURN_IF_ERROR(Ask(line, "newcontainer", note.request, {note.token}));
  note.started = true;
  return book_.Write(line.client.fd(), notes);
}

Status HyperstartAgent::RemoveContainer(const shoji_call* call, std::string_view container_id,
                                        std::uint32_t timeout_s) {
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  SHOJI_ASSIGN_OR_RETURN(Notes notes, book_.Read(line.client.fd()));
  const std::string id(container_id);
  const auto it = notes.containers.find(id);
  if (it == notes.containers.end()) return OkStatus();
  if (timeout_s > 0) {
    line.limit.deadline = line.limit.deadline.Min(Deadline::After(std::chrono::seconds(timeout_s)));
  }
  if (it->second.started) {
    // Refused when nothing of it runs any more.
    const Status killed = Ask(line, "killcontainer", KillJson(id, SIGKILL, true));
    if (!killed.ok() && killed.code() != StatusCode::kFailedPrecondition) return killed;
    SHOJI_RETURN_IF_ERROR(Ask(line, "removecontainer", RemoveJson(id)));
  }
  notes.containers.erase(it);
  {
    const MutexLock lock(mutex_);
    std::erase_if(exec_tokens_, [&](const auto& each) { return each.first.first == id; });
  }
  return book_.Write(line.client.fd(), notes);
}

Result<std::string> HyperstartAgent::ExecToken(Line& line, const std::string& sandbox_id,
                                               const ExecKey& key) {
  {
    const MutexLock lock(mutex_);
    const auto it = exec_tokens_.find(key);
    if (it != exec_tokens_.end()) return it->second;
  }
  SHOJI_ASSIGN_OR_RETURN(std::string token, NewToken(line, sandbox_id));
  const MutexLock lock(mutex_);
  return exec_tokens_.emplace(key, std::move(token)).first->second;
}

Result<std::string> HyperstartAgent::ShimToken(const shoji_call* call, sdk::ProcessRef process) {
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  SHOJI_ASSIGN_OR_RETURN(const Notes notes, NotesOf(line, process.container_id));
  const std::string container(process.container_id);
  if (process.exec_id == process.container_id) return notes.containers.at(container).token;
  return ExecToken(line, notes.sandbox_id, {container, std::string(process.exec_id)});
}

Status HyperstartAgent::ExecProcess(const shoji_call* call, const shoji_exec_request& request) {
  const ExecKey key(sdk::String(request.container_id), sdk::String(request.exec_id));
  SHOJI_ASSIGN_OR_RETURN(const std::string data,
                         ExecJson(key.first, key.second, sdk::View(request.process_json)));
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  SHOJI_ASSIGN_OR_RETURN(const Notes notes, NotesOf(line, key.first));
  if (!notes.containers.at(key.first).started) {
    return FailedPrecondition("container \"" + key.first + "\" was not started");
  }
  SHOJI_ASSIGN_OR_RETURN(const std::string token, ExecToken(line, notes.sandbox_id, key));
  const Status begun = Ask(line, "execcmd", data, {token});
  const MutexLock lock(mutex_);
  exec_tokens_.erase(key);
  return begun;
}

Status HyperstartAgent::SignalProcess(const shoji_call* call, sdk::ProcessRef process,
                                      std::uint32_t signal) {
  const bool all = process.exec_id.empty();
  if (!all && process.exec_id != process.container_id) {
    return Cannot("signal a process that joined a container; send it to its shim");
  }
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  SHOJI_ASSIGN_OR_RETURN(const Notes notes, NotesOf(line, process.container_id));
  const std::string id(process.container_id);
  if (!notes.containers.at(id).started) return NoContainer(id);
  return Ask(line, "killcontainer", KillJson(id, signal, all));
}

// NOT_FOUND also for a container that is made and not started: nothing of it runs.
Result<std::int32_t> HyperstartAgent::WaitProcess(const shoji_call* call, sdk::ProcessRef process) {
  SHOJI_ASSIGN_OR_RETURN(Line line, Reach(call));
  SHOJI_ASSIGN_OR_RETURN(const Notes notes, NotesOf(line, process.container_id));
  if (!notes.containers.at(std::string(process.container_id)).started) {
    return NoContainer(process.container_id);
  }
  return ByShim("the exit status");
}

Result<std::uint64_t> HyperstartAgent::WriteStdin(const shoji_call* /*call*/,
                                                  sdk::ProcessRef /*process*/,
                                                  std::string_view /*data*/) {
  return ByShim("streams");
}

Status HyperstartAgent::CloseStdin(const shoji_call* /*call*/, sdk::ProcessRef /*process*/) {
  return ByShim("streams");
}

Status HyperstartAgent::ReadStdout(const shoji_call* /*call*/, sdk::ProcessRef /*process*/,
                                   std::uint32_t /*max_bytes*/, const shoji_sink* /*data*/) {
  return ByShim("streams");
}

Status HyperstartAgent::ReadStderr(const shoji_call* /*call*/, sdk::ProcessRef /*process*/,
                                   std::uint32_t /*max_bytes*/, const shoji_sink* /*data*/) {
  return ByShim("streams");
}

Status HyperstartAgent::TtyWinResize(const shoji_call* /*call*/, sdk::ProcessRef /*process*/,
                                     std::uint32_t /*rows*/, std::uint32_t /*columns*/) {
  return ByShim("the size of a terminal");
}

Status HyperstartAgent::ReseedRandom(const shoji_call* /*call*/, std::string_view /*data*/) {
  return Cannot("take random bytes");
}

Status HyperstartAgent::SetTime(const shoji_call* /*call*/, std::int64_t /*seconds*/,
                                std::int64_t /*microseconds*/) {
  return Cannot("set the time");
}

const void* HyperstartAgent::GetExtension(const char* id) {
  return sdk::AgentExtension<HyperstartAgent>(id);
}

}  // namespace shoji::agent_hyperstart

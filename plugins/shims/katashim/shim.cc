#include "shim.h"

#include <fcntl.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "process.h"
#include "send_signal.h"
#include "shoji/base/errno.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/spawn.h"
#include "shoji/sdk/wait.h"

namespace shoji::katashim {

namespace {

Status NotEmpty(shoji_str value, const char* name) {
  if (value.size > 0) return OkStatus();
  return InvalidArgument(std::string(name) + " of a shim is empty");
}

// A program started with another URL would only say so to the container's own stderr.
Status CheckUrl(const std::string& url) {
  if (url.starts_with("unix:///") || url.starts_with("vsock://")) return OkStatus();
  return FailedPrecondition(
      "shim katashim reaches a guest by unix:///path or vsock://cid:port, not by \"" + url +
      "\"; use proxy \"kataproxy\", or shim \"katashimbuiltin\"");
}

Status Check(const shoji_shim_params& params) {
  SHOJI_RETURN_IF_ERROR(NotEmpty(params.sandbox_id, "sandbox_id"));
  SHOJI_RETURN_IF_ERROR(NotEmpty(params.container_id, "container_id"));
  SHOJI_RETURN_IF_ERROR(NotEmpty(params.exec_id, "exec_id"));
  if (params.console.size > 0 && (params.flags & SHOJI_SHIM_DETACH) != 0) {
    return InvalidArgument("a shim has a console or is detached, not both");
  }
  return CheckUrl(sdk::String(params.proxy_url));
}

Result<std::string> ProgramOf(const sdk::Host& host, const sdk::OptionMap& options) {
  const std::string path = options.Get("path");
  if (path.starts_with('/')) return path;
  if (!path.empty()) {
    return InvalidArgument("shim.katashim.path is \"" + path + "\"; it takes an absolute path");
  }
  SHOJI_ASSIGN_OR_RETURN(const std::string libexec, host.Dir(SHOJI_DIR_LIBEXEC));
  return libexec + "/shoji-shim";
}

std::vector<std::string> CommandLine(std::string program, const shoji_shim_params& params,
                                     bool debug) {
  std::vector<std::string> argv = {std::move(program),
                                   "-agent",
                                   sdk::String(params.proxy_url),
                                   "-container",
                                   sdk::String(params.container_id),
                                   "-exec-id",
                                   sdk::String(params.exec_id)};
  if ((params.flags & SHOJI_SHIM_TERMINAL) != 0) argv.emplace_back("-terminal");
  if (debug) argv.insert(argv.end(), {"-log", "debug"});
  return argv;
}

// Its namespaces: that of the container for an exec, one of its own for the container's shim.
void Place(const shoji_shim_params& params, sdk::SpawnRequest& request) {
  const bool said = params.struct_size >= sizeof params;  // a host of the first release does not
  if (said) request.netns = sdk::String(params.netns);
  if (said) request.join_pid = params.join_pid;
  request.new_pid_namespace = request.join_pid == 0;
}

// Ours as far as they are open, unless it is detached or has a console.
void InheritStdio(sdk::SpawnRequest& request) {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) request.fds.emplace_back(fd, fd);
  }
}

// The descriptor must live until the process is started.
Result<UniqueFd> GiveStdio(const shoji_shim_params& params, sdk::SpawnRequest& request) {
  if ((params.flags & SHOJI_SHIM_DETACH) != 0) return UniqueFd();
  const std::string console = sdk::String(params.console);
  if (console.empty()) {
    InheritStdio(request);
    return UniqueFd();
  }
  UniqueFd fd(open(console.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open console \"" + console + "\"");
  request.fds = {{fd.get(), 0}, {fd.get(), 1}, {fd.get(), 2}};
  request.controlling_terminal = true;
  return fd;
}

}  // namespace

Result<std::int32_t> KataShim::Start(const sdk::Host& host, const shoji_options* options,
                                     const shoji_call* call, const shoji_shim_params& params) {
  SHOJI_RETURN_IF_ERROR(Check(params));
  const sdk::OptionMap map(options);
  SHOJI_ASSIGN_OR_RETURN(std::string program, ProgramOf(host, map));
  SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "the start of a shim"));
  sdk::SpawnRequest request;
  request.sandbox_id = sdk::String(params.sandbox_id);
  request.argv = CommandLine(std::move(program), params, map.GetBool("debug"));
  request.env = {MarkOf(request.sandbox_id, sdk::String(params.exec_id))};
  Place(params, request);
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd console, GiveStdio(params, request));
  const Result<sdk::Process> started = sdk::Spawn(host, request);
  if (started.ok()) return started->pid();
  return Status(started.status())
      .WithContext("shim of process " + sdk::String(params.exec_id) + " of container " +
                   sdk::String(params.container_id));
}

Status KataShim::Stop(const sdk::Host& /*host*/, const shoji_call* call, std::int32_t pid) {
  if (pid == SHOJI_SHIM_BUILT_IN) return OkStatus();
  return EndShim(pid, Deadline::FromNanos(call == nullptr ? 0 : call->deadline_ns));
}

Status KataShim::Signal(const sdk::Host& /*host*/, const shoji_options* /*options*/,
                        const shoji_call* call, const shoji_shim_params& params, std::int32_t pid,
                        std::int32_t signal) {
  return SignalByShim(call, params, pid, signal);
}

}  // namespace shoji::katashim

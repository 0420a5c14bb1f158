#include "shim.h"

#include <string>
#include <utility>
#include <vector>

#include "send_signal.h"
#include "shim_process.h"

namespace shoji::katashim {

namespace {

// A program started with another URL would only say so to the container's own stderr.
Status CheckUrl(const std::string& url) {
  for (const char* known : {"unix:///", "vsock://", "hvsock:///"}) {
    if (url.starts_with(known)) return OkStatus();
  }
  return FailedPrecondition(
      "shim katashim reaches a guest by unix:///path, vsock://cid:port or hvsock:///path:port, not "
      "by \"" +
      url + "\"; use proxy \"kataproxy\", or shim \"katashimbuiltin\"");
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

}  // namespace

Result<std::int32_t> KataShim::Start(const sdk::Host& host, const shoji_options* options,
                                     const shoji_call* call, const shoji_shim_params& params) {
  SHOJI_RETURN_IF_ERROR(shims::CheckParams(params));
  SHOJI_RETURN_IF_ERROR(CheckUrl(sdk::String(params.proxy_url)));
  const sdk::OptionMap map(options);
  SHOJI_ASSIGN_OR_RETURN(std::string program,
                         shims::ProgramOf(host, map, "katashim", "shoji-shim"));
  return shims::StartProcess(host, call, params,
                             CommandLine(std::move(program), params, map.GetBool("debug")));
}

Status KataShim::Stop(const sdk::Host& /*host*/, const shoji_call* call, std::int32_t pid) {
  return shims::StopProcess(call, pid);
}

Status KataShim::Signal(const sdk::Host& /*host*/, const shoji_options* /*options*/,
                        const shoji_call* call, const shoji_shim_params& params, std::int32_t pid,
                        std::int32_t signal) {
  return SignalByShim(call, params, pid, signal);
}

}  // namespace shoji::katashim

#include "proxy.h"

#include <poll.h>

#include <utility>
#include <vector>

namespace shoji::kataproxy {

namespace {

using proxies::ProxyState;

constexpr char kId[] = "kataproxy";

std::vector<std::string> CommandLine(const ProxyState& state, bool debug) {
  std::vector<std::string> argv = {state.program,   "-listen-socket", "unix://" + state.socket(),
                                   "-mux-socket",   state.agent_url,  "-sandbox",
                                   state.sandbox_id};
  if (debug) argv.insert(argv.end(), {"-log", "debug"});
  if (!state.console_url.empty()) {
    argv.insert(argv.end(), {"-agent-logs-socket", state.console_url});
  }
  return argv;
}

bool StillOpen(int fd) {
  pollfd p{fd, POLLIN, 0};
  return poll(&p, 1, 0) == 0;  // nothing can have come in without a word of ours
}

}  // namespace

Result<std::unique_ptr<sdk::ProxyBase>> KataProxy::Start(const sdk::Host& host,
                                                         const shoji_options* options,
                                                         const shoji_call* call,
                                                         const shoji_proxy_params& params) {
  const sdk::OptionMap map(options);
  const bool debug = map.GetBool("debug");
  ProxyState state;
  state.plugin = kId;
  state.sandbox_id = sdk::String(params.sandbox_id);
  state.run_dir = sdk::String(params.run_dir);
  state.agent_url = sdk::String(params.agent_url);
  if (debug) state.console_url = sdk::String(params.console_url);
  SHOJI_ASSIGN_OR_RETURN(state.program, proxies::ProgramOf(host, map, "shoji-proxy"));
  SHOJI_RETURN_IF_ERROR(CheckState(state));
  std::vector<std::string> argv = CommandLine(state, debug);
  std::unique_ptr<KataProxy> proxy(new KataProxy(host, std::move(state)));
  SHOJI_RETURN_IF_ERROR(proxy->process_.Launch(std::move(argv)));
  if (const Status listens = proxy->AwaitSocket(call); !listens.ok()) {
    static_cast<void>(proxy->Stop(nullptr));
    return listens;
  }
  return std::unique_ptr<sdk::ProxyBase>(std::move(proxy));
}

Result<std::unique_ptr<sdk::ProxyBase>> KataProxy::Attach(const sdk::Host& host,
                                                          const shoji_options* /*options*/,
                                                          const shoji_call* /*call*/,
                                                          std::string_view blob) {
  SHOJI_ASSIGN_OR_RETURN(ProxyState state, proxies::ParseState(kId, blob));
  std::unique_ptr<KataProxy> proxy(new KataProxy(host, std::move(state)));
  proxy->process_.Find();
  return std::unique_ptr<sdk::ProxyBase>(std::move(proxy));
}

Status KataProxy::AwaitSocket(const shoji_call* call) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, process_.AwaitSocket(call));
  const MutexLock lock(mutex_);
  spare_ = std::move(fd);
  return OkStatus();
}

Result<int> KataProxy::Connect(const shoji_call* call) {
  {
    const MutexLock lock(mutex_);
    if (UniqueFd spare = std::move(spare_); spare && StillOpen(spare.get())) {
      return spare.release();
    }
  }
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, process_.Dial(call));
  return fd.release();
}

bool KataProxy::ConsoleWatched() {
  return !process_.state().console_url.empty() && !process_.ended();
}

}  // namespace shoji::kataproxy

#include "proxy.h"

#include <utility>
#include <vector>

#include "shoji/ccproto/messages.h"
#include "shoji/mux/serial_path.h"

namespace shoji::ccproxy {

namespace {

using ccproto::Client;
using ccproto::Limit;
using proxies::ProxyState;

constexpr char kId[] = "ccproxy";
constexpr char kUnix[] = "unix://";
constexpr std::chrono::seconds kFarewell(2);

Limit LimitOf(const shoji_call* call) {
  Limit limit;
  if (SHOJI_HAS(shoji_call, call, cancel_fd)) limit.cancel_fd = call->cancel_fd;
  if (SHOJI_HAS(shoji_call, call, deadline_ns)) {
    limit.deadline = Deadline::FromNanos(call->deadline_ns);
  }
  return limit;
}

Result<std::string> IoPath(const std::string& control, const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) {
    return InvalidArgument("proxy.ccproxy.io_socket is \"" + name +
                           "\"; it takes the name of a socket without a directory");
  }
  return control.substr(0, control.rfind('/') + 1) + name;
}

std::string PathOf(const std::string& url) {
  return url.starts_with(kUnix) ? url.substr(sizeof kUnix - 1) : url;
}

}  // namespace

Result<std::unique_ptr<sdk::ProxyBase>> CcProxy::Start(const sdk::Host& host,
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
  state.program = map.Get("path");
  SHOJI_RETURN_IF_ERROR(CheckState(state));
  std::vector<std::string> argv = {state.program, "-uri", kUnix + state.socket()};
  if (debug) argv.insert(argv.end(), {"-log", "debug"});
  std::unique_ptr<CcProxy> proxy(new CcProxy(host, std::move(state)));
  SHOJI_RETURN_IF_ERROR(proxy->process_.Launch(std::move(argv)));
  if (const Status told = proxy->Register(map.Get("io_socket"), call); !told.ok()) {
    static_cast<void>(proxy->process_.End(nullptr));
    return told;
  }
  return std::unique_ptr<sdk::ProxyBase>(std::move(proxy));
}

Result<std::unique_ptr<sdk::ProxyBase>> CcProxy::Attach(const sdk::Host& host,
                                                        const shoji_options* /*options*/,
                                                        const shoji_call* /*call*/,
                                                        std::string_view blob) {
  SHOJI_ASSIGN_OR_RETURN(ProxyState state, proxies::ParseState(kId, blob));
  std::unique_ptr<CcProxy> proxy(new CcProxy(host, std::move(state)));
  proxy->process_.Find();
  return std::unique_ptr<sdk::ProxyBase>(std::move(proxy));
}

// The proxy answers when the guest is there; who starts it does not wait for that.
Status CcProxy::Register(const std::string& io_socket, const shoji_call* call) {
  const ProxyState& state = process_.state();
  ccproto::RegisterVm message;
  message.container_id = state.sandbox_id;
  SHOJI_ASSIGN_OR_RETURN(message.ctl_serial, mux::SerialPath(state.agent_url));
  SHOJI_ASSIGN_OR_RETURN(message.io_serial, IoPath(message.ctl_serial, io_socket));
  message.console = PathOf(state.console_url);
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, process_.AwaitSocket(call));
  Client client(std::move(fd));
  SHOJI_RETURN_IF_ERROR(client.Send(
      {ccproto::FrameType::kCommand, ccproto::kRegisterVm, false, ToJson(message)}, LimitOf(call)));
  const MutexLock lock(mutex_);
  registering_.emplace(std::move(client));
  return OkStatus();
}

// No descriptor when it was registered before. Others that connect meanwhile wait here.
Result<UniqueFd> CcProxy::Registered(const shoji_call* call) {
  const MutexLock lock(mutex_);
  if (!registering_.has_value()) return UniqueFd();
  const auto reply = registering_->AwaitResponse(ccproto::kRegisterVm, LimitOf(call));
  const StatusCode code = reply.status().code();
  if (code == StatusCode::kCancelled || code == StatusCode::kDeadlineExceeded) {
    return reply.status();  // it may still come
  }
  Client client = std::move(*registering_);
  registering_.reset();
  SHOJI_RETURN_IF_ERROR(reply.status());
  return client.Release();
}

Result<int> CcProxy::Connect(const shoji_call* call) {
  Result<UniqueFd> first = Registered(call);
  if (!first.ok()) return process_.Explain(first.status());
  if (*first) return first->release();
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, process_.Dial(call));
  Client client(std::move(fd));
  const auto reply = client.Call(
      ccproto::kAttachVm, ccproto::AttachVmJson(process_.state().sandbox_id, 0), LimitOf(call));
  if (!reply.ok()) return process_.Explain(reply.status());
  return client.Release().release();
}

bool CcProxy::ConsoleWatched() {
  return !process_.state().console_url.empty() && !process_.ended();
}

// The proxy of a pod leaves by itself when its VM is unregistered. One that still waits for the
// guest does not listen.
void CcProxy::Unregister(const shoji_call* call) {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(registering_, std::nullopt).has_value()) return;
  }
  if (process_.ended()) return;
  Limit limit = LimitOf(call);
  limit.deadline = limit.deadline.Min(Deadline::After(kFarewell));
  auto fd = process_.Dial(call);
  if (!fd.ok()) return;
  Client client(std::move(*fd));
  const auto reply = client.Call(ccproto::kUnregisterVm,
                                 ccproto::UnregisterVmJson(process_.state().sandbox_id), limit);
  if (reply.ok()) static_cast<void>(process_.AwaitEnd(limit.deadline));
}

Status CcProxy::Stop(const shoji_call* call) {
  Unregister(call);
  return process_.End(call);
}

}  // namespace shoji::ccproxy

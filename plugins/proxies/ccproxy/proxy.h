// The proxy of Clear Containers: one process for each pod, in front of hyperstart.
//
// Purpose  Starts cc-proxy, tells it of the VM, and hands out connections that belong to that VM:
//          on them its own protocol is spoken (shoji/ccproto), as the agent "hyperstart" does.
// Threads  Any, except Stop() and the destructor.
// Example  auto proxy = CcProxy::Start(host, options, call, params); (*proxy)->Connect(call);
#ifndef SHOJI_CCPROXY_PROXY_H_
#define SHOJI_CCPROXY_PROXY_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy_process.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/ccproto/client.h"
#include "shoji/sdk/proxy.h"

namespace shoji::ccproxy {

class CcProxy : public sdk::ProxyBase {
 public:
  static Result<std::unique_ptr<sdk::ProxyBase>> Start(const sdk::Host& host,
                                                       const shoji_options* options,
                                                       const shoji_call* call,
                                                       const shoji_proxy_params& params);
  static Result<std::unique_ptr<sdk::ProxyBase>> Attach(const sdk::Host& host,
                                                        const shoji_options* options,
                                                        const shoji_call* call,
                                                        std::string_view state);

  // The first waits until hyperstart is ready, for that is when the VM is registered.
  Result<int> Connect(const shoji_call* call) override SHOJI_EXCLUDES(mutex_);
  Result<sdk::ProxyInfo> Info() override { return process_.info(); }
  Result<std::string> SaveState() override { return FormatState(process_.state()); }
  Status Stop(const shoji_call* call) override SHOJI_EXCLUDES(mutex_);
  bool ConsoleWatched() override;

 private:
  CcProxy(const sdk::Host& host, proxies::ProxyState state) : process_(host, std::move(state)) {}
  Status Register(const std::string& io_socket, const shoji_call* call) SHOJI_EXCLUDES(mutex_);
  Result<UniqueFd> Registered(const shoji_call* call) SHOJI_EXCLUDES(mutex_);
  void Unregister(const shoji_call* call) SHOJI_EXCLUDES(mutex_);

  proxies::ProxyProcess process_;
  Mutex mutex_;
  // The connection on which the VM was told of, until its answer is there.
  std::optional<ccproto::Client> registering_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::ccproxy

#endif  // SHOJI_CCPROXY_PROXY_H_

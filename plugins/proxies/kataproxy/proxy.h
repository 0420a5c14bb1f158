// The proxy as a process of its own.
//
// Purpose  Starts a program that takes kata-proxy's flags and lets it own the guest's serial
//          channel, so that every command may come and go.
// Threads  Any, except Stop() and the destructor.
// Example  auto proxy = KataProxy::Start(host, options, call, params); (*proxy)->Connect(call);
#ifndef SHOJI_KATAPROXY_PROXY_H_
#define SHOJI_KATAPROXY_PROXY_H_

#include <memory>
#include <string>
#include <string_view>

#include "proxy_process.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/proxy.h"

namespace shoji::kataproxy {

class KataProxy : public sdk::ProxyBase {
 public:
  static Result<std::unique_ptr<sdk::ProxyBase>> Start(const sdk::Host& host,
                                                       const shoji_options* options,
                                                       const shoji_call* call,
                                                       const shoji_proxy_params& params);
  static Result<std::unique_ptr<sdk::ProxyBase>> Attach(const sdk::Host& host,
                                                        const shoji_options* options,
                                                        const shoji_call* call,
                                                        std::string_view state);

  Result<int> Connect(const shoji_call* call) override SHOJI_EXCLUDES(mutex_);
  Result<sdk::ProxyInfo> Info() override { return process_.info(); }
  Result<std::string> SaveState() override { return FormatState(process_.state()); }
  Status Stop(const shoji_call* call) override { return process_.End(call); }
  bool ConsoleWatched() override;

 private:
  KataProxy(const sdk::Host& host, proxies::ProxyState state) : process_(host, std::move(state)) {}
  Status AwaitSocket(const shoji_call* call) SHOJI_EXCLUDES(mutex_);

  proxies::ProxyProcess process_;
  Mutex mutex_;
  UniqueFd spare_ SHOJI_GUARDED_BY(mutex_);  // the connection that showed that it listens
};

}  // namespace shoji::kataproxy

#endif  // SHOJI_KATAPROXY_PROXY_H_

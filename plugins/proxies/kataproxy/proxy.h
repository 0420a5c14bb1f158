// The proxy as a process of its own.
//
// Purpose  Starts a program that takes kata-proxy's flags and lets it own the guest's serial
//          channel, so that every command may come and go. The process holds proxy.lock as long
//          as it lives, so a sandbox never has two; what it says is in proxy.log.
// Threads  Any, except Stop() and the destructor.
// Example  auto proxy = KataProxy::Start(host, options, call, params); (*proxy)->Connect(call);
#ifndef SHOJI_KATAPROXY_PROXY_H_
#define SHOJI_KATAPROXY_PROXY_H_

#include <memory>
#include <string>
#include <string_view>

#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/proxy.h"
#include "state.h"

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
  ~KataProxy() override;

  Result<int> Connect(const shoji_call* call) override SHOJI_EXCLUDES(mutex_);
  Result<sdk::ProxyInfo> Info() override;
  Result<std::string> SaveState() override { return FormatState(state_); }
  Status Stop(const shoji_call* call) override;
  bool ConsoleWatched() override;

 private:
  KataProxy(const sdk::Host& host, ProxyState state) : host_(host), state_(std::move(state)) {}
  Status Launch(bool debug);
  Status AwaitSocket(const shoji_call* call) SHOJI_EXCLUDES(mutex_);
  Status Gone() const;
  Status TellGone() SHOJI_EXCLUDES(mutex_);
  Status RemoveFiles() const;

  const sdk::Host host_;
  ProxyState state_;
  UniqueFd pidfd_;  // none: the process is gone
  Mutex mutex_;
  bool told_ SHOJI_GUARDED_BY(mutex_) = false;
  UniqueFd spare_ SHOJI_GUARDED_BY(mutex_);  // the connection that showed that it listens
};

}  // namespace shoji::kataproxy

#endif  // SHOJI_KATAPROXY_PROXY_H_

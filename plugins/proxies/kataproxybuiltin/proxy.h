// The proxy inside the process that holds the sandbox.
//
// Purpose  One process owns the guest's serial channel (it holds proxy.lock and runs a Mux);
//          every other one reaches the guest through the owner's proxy.sock. Whoever finds
//          the owner gone becomes the owner.
// Threads  Any, except Stop() and the destructor.
// Example  auto proxy = KataProxyBuiltin::StartState(state, warn); (*proxy)->Connect(nullptr);
#ifndef SHOJI_KATAPROXYBUILTIN_PROXY_H_
#define SHOJI_KATAPROXYBUILTIN_PROXY_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "shoji/base/thread_annotations.h"
#include "shoji/mux/mux.h"
#include "shoji/sdk/proxy.h"
#include "state.h"

namespace shoji::kataproxybuiltin {

class KataProxyBuiltin : public sdk::ProxyBase {
 public:
  using Warn = std::function<void(std::string_view)>;

  static Result<std::unique_ptr<sdk::ProxyBase>> Start(const sdk::Host& host,
                                                       const shoji_options* options,
                                                       const shoji_call* call,
                                                       const shoji_proxy_params& params);
  static Result<std::unique_ptr<sdk::ProxyBase>> Attach(const sdk::Host& host,
                                                        const shoji_options* options,
                                                        const shoji_call* call,
                                                        std::string_view state);
  // The same without a host.
  static Result<std::unique_ptr<KataProxyBuiltin>> StartState(ProxyState state, Warn warn);
  static Result<std::unique_ptr<KataProxyBuiltin>> AttachState(ProxyState state,
                                                               const shoji_call* call, Warn warn);

  Result<int> Connect(const shoji_call* call) override SHOJI_EXCLUDES(mutex_);
  Result<sdk::ProxyInfo> Info() override SHOJI_EXCLUDES(mutex_);
  Result<std::string> SaveState() override { return FormatState(state_); }
  Status Stop(const shoji_call* call) override SHOJI_EXCLUDES(mutex_);
  // True while this process holds the channel.
  bool owner() SHOJI_EXCLUDES(mutex_);

 private:
  KataProxyBuiltin(ProxyState state, Warn warn)
      : state_(std::move(state)), warn_(std::move(warn)) {}
  Status TakeChannel() SHOJI_REQUIRES(mutex_);
  Result<UniqueFd> Reach(const shoji_call* call) SHOJI_REQUIRES(mutex_);

  const ProxyState state_;
  const Warn warn_;
  Mutex mutex_;
  std::unique_ptr<mux::Mux> mux_ SHOJI_GUARDED_BY(mutex_);
  UniqueFd spare_ SHOJI_GUARDED_BY(mutex_);  // connection made by Attach, not given away yet
  int owner_pid_ SHOJI_GUARDED_BY(mutex_) = 0;
};

}  // namespace shoji::kataproxybuiltin

#endif  // SHOJI_KATAPROXYBUILTIN_PROXY_H_

// The proxy of a sandbox that has no agent.
//
// Purpose  With agents that speak to nobody (a mock) there is nothing to be brought anywhere; a
//          connection all the same is an error that says so.
// Threads  Any.
// Example  auto proxy = NoopProxy::Start(host, options, call, params);
#ifndef SHOJI_NOOPPROXY_PROXY_H_
#define SHOJI_NOOPPROXY_PROXY_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "shoji/sdk/proxy.h"

namespace shoji::noopproxy {

class NoopProxy : public sdk::ProxyBase {
 public:
  static Result<std::unique_ptr<sdk::ProxyBase>> Start(const sdk::Host& host,
                                                       const shoji_options* options,
                                                       const shoji_call* call,
                                                       const shoji_proxy_params& params);
  static Result<std::unique_ptr<sdk::ProxyBase>> Attach(const sdk::Host& host,
                                                        const shoji_options* options,
                                                        const shoji_call* call,
                                                        std::string_view state);

  // FAILED_PRECONDITION, always.
  Result<int> Connect(const shoji_call* call) override;
  Result<sdk::ProxyInfo> Info() override { return sdk::ProxyInfo{0, "noopProxyURL"}; }
  Result<std::string> SaveState() override;
  Status Stop(const shoji_call* /*call*/) override { return OkStatus(); }

 private:
  explicit NoopProxy(std::string sandbox_id) : sandbox_id_(std::move(sandbox_id)) {}

  const std::string sandbox_id_;
};

}  // namespace shoji::noopproxy

#endif  // SHOJI_NOOPPROXY_PROXY_H_

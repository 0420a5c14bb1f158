// Plain connections to an agent on vsock, or on the socket by which a VMM offers one.
//
// Purpose  Nothing runs and nothing is kept: each Connect() is a connection of its own, by
//          whatever process.
// Threads  Any.
// Example  auto proxy = NoProxy::Start(host, options, call, params); (*proxy)->Connect(call);
#ifndef SHOJI_NOPROXY_PROXY_H_
#define SHOJI_NOPROXY_PROXY_H_

#include <memory>
#include <string>
#include <string_view>

#include "address.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/proxy.h"

namespace shoji::noproxy {

class NoProxy : public sdk::ProxyBase {
 public:
  static Result<std::unique_ptr<sdk::ProxyBase>> Start(const sdk::Host& host,
                                                       const shoji_options* options,
                                                       const shoji_call* call,
                                                       const shoji_proxy_params& params);
  static Result<std::unique_ptr<sdk::ProxyBase>> Attach(const sdk::Host& host,
                                                        const shoji_options* options,
                                                        const shoji_call* call,
                                                        std::string_view state);

  // Tries again as long as the VM is there and its agent does not listen yet, until the call's
  // deadline.
  Result<int> Connect(const shoji_call* call) override;
  Result<sdk::ProxyInfo> Info() override { return sdk::ProxyInfo{0, url_}; }
  Result<std::string> SaveState() override;
  Status Stop(const shoji_call* /*call*/) override { return OkStatus(); }

 private:
  NoProxy(std::string url, Address address) : url_(std::move(url)), address_(std::move(address)) {}
  static Result<std::unique_ptr<sdk::ProxyBase>> Make(const std::string& url);

  const std::string url_;
  const Address address_;
};

}  // namespace shoji::noproxy

#endif  // SHOJI_NOPROXY_PROXY_H_

// One VM on its way up, and the way back down.
//
// Threads  One.
// Example  Boot boot(host, call, error); SHOJI_RETURN_IF_ERROR(boot.Run(request));
//          return boot.Release();
#ifndef SHOJI_DIRECT_BOOT_H_
#define SHOJI_DIRECT_BOOT_H_

#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/sdk/factory.h"

namespace shoji::direct {

// An interface of another plugin.
template <typename Table>
struct Plugin {
  const Table* table = nullptr;
  void* plugin = nullptr;
  const shoji_options* options = nullptr;
};

class Boot {
 public:
  Boot(const sdk::Host& host, const shoji_call* call, shoji_error* error)
      : host_(host), call_(call), error_(error) {}
  // Undoes, in reverse, what was not released.
  ~Boot();
  Boot(const Boot&) = delete;
  Boot& operator=(const Boot&) = delete;

  Status Run(const shoji_vm_request& request);
  sdk::NewVm Release();

 private:
  Status FindPlugins(const shoji_vm_request& request);
  template <typename Table>
  Status Find(const char* kind, shoji_str id, const char* interface, Plugin<Table>* out);
  Status StartVm(const shoji_vm_request& request);
  Status StartProxy(const shoji_vm_config& config);
  Status OpenAgent();
  Status AwaitGuest();
  Status Explain(std::int32_t code) const;
  Status Reseed();
  Result<UniqueFd> GiveUpWhen(int vm_gone) const;
  std::string LastWords() const;

  const sdk::Host& host_;
  const shoji_call* const call_;
  shoji_error* const error_;
  Plugin<shoji_hypervisor_v1> hypervisor_;
  Plugin<shoji_proxy_v1> proxies_;
  Plugin<shoji_agent_v1> agents_;
  shoji_vm* vm_ = nullptr;
  shoji_proxy* proxy_ = nullptr;
  shoji_agent* agent_ = nullptr;
  std::int64_t vm_started_ = 0;
};

}  // namespace shoji::direct

#endif  // SHOJI_DIRECT_BOOT_H_

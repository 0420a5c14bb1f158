// A VM with its proxy and its agent on the way up, and the way back down.
//
// Purpose  What every factory does with the plugins of a request: make the VM or take one that
//          was made, start the proxy, open the agent, wait for the guest's first answer, and
//          give the guest random bytes and the time. What was not released is undone in reverse.
// Threads  One.
// Errors   Those of the plugins come back as they are (sdk::Told()). A VM that ended is the reason
//          whatever step noticed first, with its last words.
// Example
//     Assembly vm(host, call, error);
//     SHOJI_RETURN_IF_ERROR(vm.FindPlugins(request));
//     return BootDirectly(vm, request);
#ifndef SHOJI_FACTORIES_COMMON_ASSEMBLY_H_
#define SHOJI_FACTORIES_COMMON_ASSEMBLY_H_

#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/sdk/factory.h"
#include "shoji/sdk/other_plugin.h"

namespace shoji::factories {

class Assembly {
 public:
  // All three outlive it.
  Assembly(const sdk::Host& host, const shoji_call* call, shoji_error* error)
      : host_(host), call_(call), error_(error) {}
  ~Assembly();
  Assembly(const Assembly&) = delete;
  Assembly& operator=(const Assembly&) = delete;

  // First of all.
  Status FindPlugins(const shoji_vm_request& request);

  // A VM from the beginning, in two steps; or one that was made, which runs already.
  Status Create(shoji_hypervisor* hypervisor, const shoji_vm_config& config);
  Status Start();
  // `since`: when its start began, for the span; 0: now.
  void Adopt(shoji_vm* vm, std::int64_t since = 0);

  // Proxy and agent.
  Status Connect(const shoji_vm_config& config);

  // Until the guest's agent has answered once. Span "guest.boot" or "guest.wake".
  Status AwaitGuest(const char* span = "guest.boot");
  // Without devices that make noise a fresh guest knows no secret that the host did not give.
  Status Reseed();
  // The clock of a guest that was stopped, or was another one's, is wrong.
  Status SetClock();

  // The handles belong to the receiver now; `flags`: SHOJI_NEW_VM_*.
  sdk::NewVm Release(std::uint32_t flags);

  const shoji_hypervisor_v1& hypervisor() const { return *hypervisor_.table; }
  // With which it was opened.
  const shoji_options* hypervisor_options() const { return hypervisor_.options; }
  const shoji_agent_v1& agents() const { return *agents_.table; }
  shoji_vm* vm() const { return vm_; }
  shoji_agent* agent() const { return agent_; }
  // The table of an optional interface of the VM, or null.
  template <typename Table>
  const Table* Extension(const char* id) const {
    return vm_ == nullptr ? nullptr
                          : static_cast<const Table*>(hypervisor_.table->get_extension(vm_, id));
  }
  // A code of a plugin that was called with the caller's error.
  static Status Code(std::int32_t code) { return code == SHOJI_OK ? OkStatus() : sdk::Told(code); }
  // The same for a call that needs the VM: its end explains the failure.
  Status Explain(std::int32_t code) const;

 private:
  template <typename Table>
  Status Find(const char* kind, shoji_str id, const char* interface, sdk::OtherPlugin<Table>* out);
  Status StartProxy(const shoji_vm_config& config);
  Status OpenAgent();
  Result<UniqueFd> GiveUpWhen(int vm_gone) const;
  std::string LastWords() const;

  const sdk::Host& host_;
  const shoji_call* const call_;
  shoji_error* const error_;
  sdk::OtherPlugin<shoji_hypervisor_v1> hypervisor_;
  sdk::OtherPlugin<shoji_proxy_v1> proxies_;
  sdk::OtherPlugin<shoji_agent_v1> agents_;
  shoji_vm* vm_ = nullptr;
  shoji_proxy* proxy_ = nullptr;
  shoji_agent* agent_ = nullptr;
  std::int64_t vm_started_ = 0;
};

// Boots the VM of a request, whose plugins were found: what every factory can fall back to.
Result<sdk::NewVm> BootDirectly(Assembly& vm, const shoji_vm_request& request);

}  // namespace shoji::factories

#endif  // SHOJI_FACTORIES_COMMON_ASSEMBLY_H_

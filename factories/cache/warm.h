// A first container in a VM that is going to wait.
//
// Purpose  What runs for the first time is slow: QEMU translates it, the guest reads it in, the
//          agent sets things up. So a container of the small root file system that Shoji brings
//          lives and ends in each VM before it waits, by the calls that a sandbox makes.
// Threads  One.
// Errors   A VM that cannot be warmed is as good as before: why is logged at level debug. What
//          comes back as an error is a guest in which something of the container may be left.
// Example  SHOJI_RETURN_IF_ERROR(Warm(host, vm, place, wanted, call, error));
#ifndef SHOJI_FACTORIES_CACHE_WARM_H_
#define SHOJI_FACTORIES_CACHE_WARM_H_

#include "place.h"
#include "shoji/sdk/factory.h"
#include "wanted.h"

namespace shoji::cache {

// The VM with its agent, which has answered.
struct WarmVm {
  const shoji_hypervisor_v1* hypervisor;
  shoji_vm* vm;
  const shoji_agent_v1* agents;
  shoji_agent* agent;
};

Status Warm(const sdk::Host& host, const WarmVm& vm, const Place& place, const Wanted& wanted,
            const shoji_call* call, shoji_error* error);

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_WARM_H_

// From a VM that waits to the VM of a sandbox.
//
// Threads  One at a time.
// Errors   Those of the plugins come back as they are. On failure nothing of the VM is left.
// Example  return Wake(host, call, request, std::move(waiting), error);
#ifndef SHOJI_FACTORIES_CACHE_WAKE_H_
#define SHOJI_FACTORIES_CACHE_WAKE_H_

#include <memory>
#include <string>

#include "shoji/sdk/factory.h"
#include "waiting.h"

namespace shoji::cache {

// The directory of the sandbox that a VM with this run directory belongs to.
std::string SandboxDirOf(const shoji_vm_request& request);

Result<sdk::NewVm> Wake(const sdk::Host& host, const shoji_call* call,
                        const shoji_vm_request& request, std::unique_ptr<Waiting> waiting,
                        shoji_error* error);

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_WAKE_H_

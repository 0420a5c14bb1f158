#include "direct.h"

#include "assembly.h"

namespace shoji::direct {

Result<std::unique_ptr<sdk::FactoryBase>> DirectFactory::Open(const sdk::Host& host,
                                                              const shoji_options* /*options*/) {
  return std::unique_ptr<sdk::FactoryBase>(std::make_unique<DirectFactory>(host));
}

Result<sdk::NewVm> DirectFactory::Make(const shoji_call* call, const shoji_vm_request& request,
                                       shoji_error* error) {
  if (request.hypervisor == nullptr || request.config == nullptr) {
    return InvalidArgument("a VM request needs an open hypervisor and a configuration");
  }
  factories::Assembly vm(host_, call, error);
  SHOJI_RETURN_IF_ERROR(vm.FindPlugins(request));
  return factories::BootDirectly(vm, request);
}

Result<std::string> DirectFactory::StatusJson(const shoji_call* /*call*/) {
  return std::string(R"({"ready":0,"detail":"each VM is booted when it is asked for"})");
}

Status DirectFactory::Destroy(const shoji_call* /*call*/) { return OkStatus(); }

}  // namespace shoji::direct

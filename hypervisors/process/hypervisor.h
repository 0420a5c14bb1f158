// The plugin's hypervisor: options and machine in, agents without a VM out.
//
// Threads  Safe.
// Life     VMs hold no pointer to it.
#ifndef SHOJI_HYPERVISORS_PROCESS_HYPERVISOR_H_
#define SHOJI_HYPERVISORS_PROCESS_HYPERVISOR_H_

#include <memory>
#include <string_view>

#include "options.h"

namespace shoji::process {

class ProcessHypervisor : public sdk::Hypervisor {
 public:
  static Result<std::unique_ptr<sdk::Hypervisor>> Open(const sdk::Host& host,
                                                       const sdk::OptionMap& options);
  ProcessHypervisor(const sdk::Host& host, Options options)
      : host_(host), options_(std::move(options)) {}

  Report Check(const sdk::HypervisorCall& call) override;
  Result<std::unique_ptr<sdk::Vm>> Create(const sdk::HypervisorCall& call,
                                          sdk::VmConfig config) override;
  Attached Attach(const sdk::HypervisorCall& call, std::string_view state) override;

 private:
  const sdk::Host host_;
  const Options options_;
};

}  // namespace shoji::process

#endif  // SHOJI_HYPERVISORS_PROCESS_HYPERVISOR_H_

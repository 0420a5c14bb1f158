// The plugin's hypervisor: options and machine in, VMs out.
//
// Threads  Safe.
// Life     VMs hold no pointer to it.
#ifndef SHOJI_HYPERVISORS_QEMU_HYPERVISOR_H_
#define SHOJI_HYPERVISORS_QEMU_HYPERVISOR_H_

#include <memory>
#include <optional>
#include <string_view>

#include "accel.h"
#include "command_line.h"
#include "config.h"
#include "shoji/base/thread_annotations.h"

namespace shoji::qemu {

class QemuHypervisor : public sdk::Hypervisor {
 public:
  static Result<std::unique_ptr<sdk::Hypervisor>> Open(const sdk::Host& host,
                                                       const sdk::OptionMap& options);
  // `machine` outlives it.
  QemuHypervisor(const sdk::Host& host, Options options, MachineProbe& machine)
      : host_(host), options_(std::move(options)), machine_(machine) {}

  Report Check(const sdk::HypervisorCall& call) override;
  Result<std::unique_ptr<sdk::Vm>> Create(const sdk::HypervisorCall& call,
                                          sdk::VmConfig config) override;
  Attached Attach(const sdk::HypervisorCall& call, std::string_view state) override;
  // Like Create() and Start(), from what Save() wrote; the VM is paused.
  Result<std::unique_ptr<sdk::Vm>> Restore(const sdk::HypervisorCall& call, const std::string& dir,
                                           sdk::VmConfig config, bool shared_memory);

 private:
  Result<Accel> ChosenAccel();
  Result<Launch> Plan(sdk::VmConfig config);
  Status PlanGrowth(Launch& launch);

  const sdk::Host host_;
  const Options options_;
  MachineProbe& machine_;
  Mutex mutex_;
  std::optional<Accel> accel_ SHOJI_GUARDED_BY(mutex_);  // looked up once
};

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_HYPERVISOR_H_

// Which accelerator a guest gets on this machine.
//
// Purpose  /dev/kvm may open, and even make a VM, on a machine where no guest boots under it:
//          "auto" takes KVM only when the CPU itself shows vmx or svm too.
// Threads  Pure functions; a MachineProbe is as safe as its implementation.
// Example  SHOJI_ASSIGN_OR_RETURN(AccelChoice accel, ChooseAccel("auto", RealMachine()));
#ifndef SHOJI_HYPERVISORS_QEMU_ACCEL_H_
#define SHOJI_HYPERVISORS_QEMU_ACCEL_H_

#include <cstdint>
#include <string>

#include "shoji/status.h"

namespace shoji::qemu {

enum class Accel { kKvm, kTcg };

// What the plugin asks of the machine; tests answer instead.
class MachineProbe {
 public:
  virtual ~MachineProbe() = default;
  virtual bool CpuVirtualizes() = 0;  // vmx or svm in /proc/cpuinfo
  virtual Status OpenKvm() = 0;       // /dev/kvm can be opened
  virtual Status CreateKvmVm() = 0;   // KVM_CREATE_VM succeeds
  virtual std::uint64_t MemoryBytes() = 0;
  // Frequency of the time stamp counter; 0 when this CPU has none.
  virtual std::uint64_t TscKhz() = 0;
};

MachineProbe& RealMachine();

struct AccelChoice {
  Accel accel = Accel::kTcg;
  std::string why_not_kvm;  // for the log; empty when KVM is used or TCG was asked for
};

// `wanted` is "auto", "kvm" or "tcg". FAILED_PRECONDITION with detail "reason" = "skip" when
// KVM is asked for and cannot be used; asking for it skips the look at the CPU's flags.
Result<AccelChoice> ChooseAccel(const std::string& wanted, MachineProbe& machine);

const char* AccelName(Accel accel);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_ACCEL_H_

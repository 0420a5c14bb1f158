// Can this machine run VMs with QEMU?
//
// Threads  As the MachineProbe.
// Example  sdk::Hypervisor::Report report = CheckMachine(options, RealMachine(), deadline);
#ifndef SHOJI_HYPERVISORS_QEMU_CHECK_H_
#define SHOJI_HYPERVISORS_QEMU_CHECK_H_

#include "accel.h"
#include "config.h"
#include "shoji/base/deadline.h"

namespace shoji::qemu {

sdk::Hypervisor::Report CheckMachine(const Options& options, MachineProbe& machine,
                                     Deadline deadline);

// 7.2 for "QEMU emulator version 7.2.22 (Debian ...)"; {0, 0} when it is none.
struct Version {
  int major = 0;
  int minor = 0;
};
Version ParseVersion(const std::string& output);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_CHECK_H_

// A machine that answers what a test wants.
//
// Threads  Like an int.
// Example  FakeMachine machine; machine.flag = true;
#ifndef SHOJI_HYPERVISORS_QEMU_TESTING_FAKE_MACHINE_H_
#define SHOJI_HYPERVISORS_QEMU_TESTING_FAKE_MACHINE_H_

#include "accel.h"

namespace shoji::qemu {

class FakeMachine : public MachineProbe {
 public:
  bool CpuVirtualizes() override { return flag; }
  Status OpenKvm() override { return opens ? OkStatus() : NotFound("no /dev/kvm"); }
  Status CreateKvmVm() override { return creates ? OkStatus() : NotFound("no VM"); }
  std::uint64_t MemoryBytes() override { return memory; }
  std::uint64_t TscKhz() override { return tsc_khz; }

  bool flag = false;
  bool opens = false;
  bool creates = false;
  std::uint64_t memory = std::uint64_t{8} << 30U;
  std::uint64_t tsc_khz = 2'000'000;
};

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_TESTING_FAKE_MACHINE_H_

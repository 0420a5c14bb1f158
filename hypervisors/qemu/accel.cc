#include "accel.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include <cerrno>
#include <string_view>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::qemu {
namespace {

constexpr char kKvmPath[] = "/dev/kvm";

bool HasVirtualization(std::string_view cpuinfo) {
  for (const std::string& line : Split(cpuinfo, '\n')) {
    if (line.rfind("flags", 0) != 0) continue;
    for (const std::string& flag : Split(line, ' ')) {
      if (flag == "vmx" || flag == "svm") return true;
    }
    return false;  // all CPUs of a machine are alike in this
  }
  return false;
}

#if defined(__x86_64__)
struct ClockPair {
  std::uint64_t ticks = 0;
  std::int64_t nanos = 0;
};
ClockPair ReadClocks() { return {__rdtsc(), Deadline::NowNanos()}; }

// Two milliseconds are enough for 0.01 percent.
std::uint64_t MeasureTsc() {
  const ClockPair begin = ReadClocks();
  const timespec pause{0, 2'000'000};
  nanosleep(&pause, nullptr);
  const ClockPair end = ReadClocks();
  const auto nanos = static_cast<std::uint64_t>(end.nanos - begin.nanos);
  if (nanos == 0 || end.ticks <= begin.ticks) return 0;
  return (end.ticks - begin.ticks) * 1'000'000 / nanos;
}
#else
std::uint64_t MeasureTsc() { return 0; }
#endif

class Machine : public MachineProbe {
 public:
  bool CpuVirtualizes() override {
    const auto text = ReadFile("/proc/cpuinfo");
    return text.ok() && HasVirtualization(*text);
  }
  Status OpenKvm() override {
    const UniqueFd fd(open(kKvmPath, O_RDWR | O_CLOEXEC));
    return fd ? OkStatus() : ErrnoStatus(errno, std::string("cannot open ") + kKvmPath);
  }
  Status CreateKvmVm() override {
    const UniqueFd fd(open(kKvmPath, O_RDWR | O_CLOEXEC));
    if (!fd) return ErrnoStatus(errno, std::string("cannot open ") + kKvmPath);
    const UniqueFd vm(ioctl(fd.get(), KVM_CREATE_VM, 0));
    return vm ? OkStatus() : ErrnoStatus(errno, "KVM_CREATE_VM failed");
  }
  std::uint64_t MemoryBytes() override {
    struct sysinfo info {};
    return sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : 0;
  }
  std::uint64_t TscKhz() override {
    static const std::uint64_t khz = MeasureTsc();
    return khz;
  }
};

Status KvmUsable(MachineProbe& machine) {
  SHOJI_RETURN_IF_ERROR(machine.OpenKvm());
  return machine.CreateKvmVm();
}

}  // namespace

MachineProbe& RealMachine() {
  static Machine machine;
  return machine;
}

Result<AccelChoice> ChooseAccel(const std::string& wanted, MachineProbe& machine) {
  if (wanted == "tcg") return AccelChoice{};
  if (wanted == "kvm") {
    const Status usable = KvmUsable(machine);
    if (usable.ok()) return AccelChoice{Accel::kKvm, ""};
    return FailedPrecondition("accel is \"kvm\", but " + usable.message() +
                              "; set hypervisor.qemu.accel to auto or tcg")
        .WithDetail("reason", "skip");
  }
  if (wanted != "auto") {
    return InvalidArgument("accel \"" + wanted + "\" is unknown; allowed are auto, kvm, tcg");
  }
  if (!machine.CpuVirtualizes())
    return AccelChoice{Accel::kTcg, "the CPU shows neither vmx nor svm"};
  const Status usable = KvmUsable(machine);
  if (!usable.ok()) return AccelChoice{Accel::kTcg, usable.message()};
  return AccelChoice{Accel::kKvm, ""};
}

const char* AccelName(Accel accel) { return accel == Accel::kKvm ? "kvm" : "tcg"; }

}  // namespace shoji::qemu

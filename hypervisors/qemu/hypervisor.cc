#include "hypervisor.h"

#include "check.h"
#include "command_line.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "vm.h"

namespace shoji::qemu {

Result<std::unique_ptr<sdk::Hypervisor>> QemuHypervisor::Open(const sdk::Host& host,
                                                              const sdk::OptionMap& options) {
  SHOJI_ASSIGN_OR_RETURN(Options read, ReadOptions(options));
  return std::unique_ptr<sdk::Hypervisor>(
      std::make_unique<QemuHypervisor>(host, std::move(read), RealMachine()));
}

sdk::Hypervisor::Report QemuHypervisor::Check(const sdk::HypervisorCall& call) {
  const Deadline deadline =
      call.deadline_ns == 0 ? Deadline::Never() : Deadline::FromNanos(call.deadline_ns);
  return CheckMachine(options_, machine_, deadline);
}

Result<Accel> QemuHypervisor::ChosenAccel() {
  const MutexLock lock(mutex_);
  if (accel_.has_value()) return *accel_;
  SHOJI_ASSIGN_OR_RETURN(const AccelChoice choice, ChooseAccel(options_.accel, machine_));
  if (!choice.why_not_kvm.empty()) {
    // Not a warning: it is true of every run on such a machine, and what warns there would
    // stand between the lines of the container on stderr.
    host_.Log(SHOJI_LOG_INFO, "guests run without KVM, slower: " + choice.why_not_kvm);
  }
  accel_ = choice.accel;
  return choice.accel;
}

Result<std::unique_ptr<sdk::Vm>> QemuHypervisor::Create(const sdk::HypervisorCall& /*call*/,
                                                        sdk::VmConfig config) {
  Launch launch;
  SHOJI_ASSIGN_OR_RETURN(launch.config,
                         CheckConfig(std::move(config), options_, machine_.MemoryBytes()));
  SHOJI_ASSIGN_OR_RETURN(launch.binary, FindBinary(options_.path));
  SHOJI_ASSIGN_OR_RETURN(launch.accel, ChosenAccel());
  SHOJI_ASSIGN_OR_RETURN(const std::string uuid, ReadFile("/proc/sys/kernel/random/uuid"));
  launch.uuid = std::string(Trim(uuid));
  launch.machine = options_.machine;
  launch.cpu = options_.cpu;
  launch.kernel_command_line = BuildKernelCommandLine(
      launch.accel, launch.config.vcpus, launch.accel == Accel::kTcg ? machine_.TscKhz() : 0,
      options_.kernel_params, launch.config.kernel_params);
  if (launch.kernel_command_line.size() >= kMaxKernelCommandLine) {
    return InvalidArgument("kernel_params is too long: the kernel's command line has " +
                           std::to_string(launch.kernel_command_line.size()) + " bytes, " +
                           std::to_string(kMaxKernelCommandLine - 1) + " are allowed");
  }
  return std::unique_ptr<sdk::Vm>(std::make_unique<QemuVm>(host_, std::move(launch)));
}

sdk::Hypervisor::Attached QemuHypervisor::Attach(const sdk::HypervisorCall& /*call*/,
                                                 std::string_view state) {
  Result<SavedVm> saved = DecodeState(state);
  if (!saved.ok()) return {nullptr, saved.status()};
  Result<UniqueFd> process = FindProcess(saved->process);
  Attached attached;
  attached.status = process.status();
  // NOT_FOUND gives a handle, for cleaning up; any other failure says nothing about the VM.
  if (!process.ok() && process.status().code() != StatusCode::kNotFound) return attached;
  attached.vm = std::make_unique<QemuVm>(host_, std::move(*saved),
                                         process.ok() ? std::move(*process) : UniqueFd());
  return attached;
}

}  // namespace shoji::qemu

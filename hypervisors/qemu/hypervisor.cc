#include "hypervisor.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "check.h"
#include "command_line.h"
#include "feature_args.h"
#include "recipe.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "snapshot.h"
#include "vm.h"

namespace shoji::qemu {
namespace {

Result<std::uint64_t> ImageBytes(const std::string& path) {
  if (path.empty()) return std::uint64_t{0};
  struct stat st {};
  if (stat(path.c_str(), &st) < 0) return ErrnoStatus(errno, "image \"" + path + "\"");
  return static_cast<std::uint64_t>(st.st_size);
}

// The bridge's own hotplug is there so that the firmware leaves room behind it; ACPI does the
// work, and the kernel's driver for the other would only complain of that.
std::string BridgeParams(MachineKind machine) {
  return CanHotplug(machine) ? "initcall_blacklist=shpcd_init " : "";
}

// Those of the VM's helpers that run.
std::vector<UniqueFd> FindHelpers(const SavedVm& saved) {
  std::vector<UniqueFd> found;
  for (const ProcessIdentity& helper : saved.helpers) {
    auto pidfd = FindProcess(helper);
    if (pidfd.ok()) found.push_back(std::move(*pidfd));
  }
  return found;
}

}  // namespace

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

// How far it may grow, and the devices it has from the start.
Status QemuHypervisor::PlanGrowth(Launch& launch) {
  const MachineKind kind = KindOf(launch.machine);
  const sdk::VmConfig& config = launch.config;
  const auto cpus = static_cast<std::uint32_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  SHOJI_ASSIGN_OR_RETURN(launch.sizes,
                         DecideSizes(options_.sizes, {config.vcpus, config.memory_bytes, kind,
                                                      launch.accel, cpus, machine_.MemoryBytes()}));
  if (config.devices.empty()) return OkStatus();
  const bool shared = HasSharedMemory(launch.features, config) || !config.memory_path.empty();
  SHOJI_ASSIGN_OR_RETURN(BootDevices devices, PrepareBootDevices(config.devices, kind, shared));
  launch.devices = std::make_shared<BootDevices>(std::move(devices));
  return OkStatus();
}

Result<Launch> QemuHypervisor::Plan(sdk::VmConfig config) {
  Launch launch;
  SHOJI_ASSIGN_OR_RETURN(launch.config,
                         CheckConfig(std::move(config), options_, machine_.MemoryBytes()));
  SHOJI_ASSIGN_OR_RETURN(launch.binary, FindBinary(options_.path));
  SHOJI_ASSIGN_OR_RETURN(launch.accel, ChosenAccel());
  SHOJI_ASSIGN_OR_RETURN(const std::string uuid, ReadFile("/proc/sys/kernel/random/uuid"));
  launch.uuid = std::string(Trim(uuid));
  launch.machine = options_.machine;
  launch.cpu = options_.cpu;
  launch.features = options_.features;
  SHOJI_ASSIGN_OR_RETURN(launch.image_bytes, ImageBytes(launch.config.image));
  SHOJI_RETURN_IF_ERROR(PlanGrowth(launch));
  launch.kernel_command_line = BuildKernelCommandLine(
      launch.accel, launch.config.vcpus, launch.accel == Accel::kTcg ? machine_.TscKhz() : 0,
      ImageParams(options_.features, launch.config) + BridgeParams(KindOf(launch.machine)) +
          SizeParams(launch.config.memory_bytes, launch.sizes, launch.accel) +
          options_.kernel_params,
      launch.config.kernel_params);
  if (launch.kernel_command_line.size() >= kMaxKernelCommandLine) {
    return InvalidArgument("kernel_params is too long: the kernel's command line has " +
                           std::to_string(launch.kernel_command_line.size()) + " bytes, " +
                           std::to_string(kMaxKernelCommandLine - 1) + " are allowed");
  }
  return launch;
}

Result<std::unique_ptr<sdk::Vm>> QemuHypervisor::Create(const sdk::HypervisorCall& /*call*/,
                                                        sdk::VmConfig config) {
  SHOJI_ASSIGN_OR_RETURN(Launch launch, Plan(std::move(config)));
  return std::unique_ptr<sdk::Vm>(std::make_unique<QemuVm>(host_, std::move(launch)));
}

Result<std::unique_ptr<sdk::Vm>> QemuHypervisor::Restore(const sdk::HypervisorCall& call,
                                                         const std::string& dir,
                                                         sdk::VmConfig config, bool shared_memory) {
  SHOJI_ASSIGN_OR_RETURN(const Manifest manifest, ReadSnapshot(dir));
  SHOJI_ASSIGN_OR_RETURN(Launch launch, Plan(std::move(config)));
  // A clone has all of its memory saved, under the name that the template gave it.
  launch.named_memory = !shared_memory && !MemoryPathOf(manifest.recipe).empty();
  SHOJI_RETURN_IF_ERROR(CompareRecipes(manifest.recipe, RecipeOf(launch)));
  if (manifest.shared_memory != shared_memory) {
    return InvalidArgument(std::string("the snapshot in \"") + dir + "\" was saved " +
                           (shared_memory ? "with its memory" : "without its memory") +
                           "; restore it the same way");
  }
  if (shared_memory) {
    SHOJI_RETURN_IF_ERROR(CheckMemoryFile(launch.config.memory_path, launch.config.memory_bytes));
  }
  launch.incoming = Incoming{StatePathIn(dir), shared_memory, manifest.qemu};
  auto vm = std::make_unique<QemuVm>(host_, std::move(launch));
  SHOJI_RETURN_IF_ERROR(vm->Start(call));
  return std::unique_ptr<sdk::Vm>(std::move(vm));
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
  std::vector<UniqueFd> helpers = FindHelpers(*saved);
  if (process.ok() && helpers.size() < saved->helpers.size()) {
    // Its owner would have ended it: a guest without its share hangs.
    attached.status = NotFound("virtiofsd of VM \"" + saved->id + "\" is gone, and so is the VM");
  }
  attached.vm =
      std::make_unique<QemuVm>(host_, std::move(*saved),
                               process.ok() ? std::move(*process) : UniqueFd(), std::move(helpers));
  return attached;
}

}  // namespace shoji::qemu

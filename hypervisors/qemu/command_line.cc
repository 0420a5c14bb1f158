#include "command_line.h"

#include "feature_args.h"
#include "shoji/base/strings.h"

namespace shoji::qemu {
namespace {

using Args = std::vector<std::string>;

void Append(Args& args, Args more) {
  for (std::string& arg : more) args.push_back(std::move(arg));
}

// Devices of a PC that a container guest has no use for cost probing time and attack surface.
std::string MachineArg(const std::string& machine) {
  // Devices are found by ACPI: Debian's kernel takes none from its command line.
  if (machine == "microvm") {
    return "microvm,acpi=on,pcie=off,rtc=on,pic=off,pit=off,isa-serial=on";
  }
  if (machine != "q35") return machine;
  return "q35,smm=off,hpet=off,vmport=off,sata=off,smbus=off,i8042=off,usb=off";
}

bool IsPc(const Launch& launch) { return CanHotplug(KindOf(launch.machine)); }

// A virtio device on the machine's bus; only what is virtio 1.0.
std::string Virtio(const Launch& launch, const std::string& name) {
  const bool mmio = KindOf(launch.machine) == MachineKind::kMicrovm;
  return mmio ? name + "-device" : name + "-pci,disable-legacy=on";
}

// The bus of the devices that come later; before all others, or they take its slot.
void AddBridge(Args& args, const Launch& launch) {
  if (!IsPc(launch)) return;
  const bool q35 = KindOf(launch.machine) == MachineKind::kQ35;
  Append(args, {"-device", std::string("pci-bridge,id=") + kBridge +
                               (q35 ? ",bus=pcie.0" : ",bus=pci.0") +
                               ",chassis_nr=1,shpc=on,addr=" + std::to_string(kBridgeSlot)});
}

std::string CpuArg(const Launch& launch) {
  const std::string more =
      launch.features.cpu_features.empty() ? "" : "," + launch.features.cpu_features;
  if (!launch.cpu.empty()) return launch.cpu + more;
  // Emulated, a string instruction goes byte by byte; without erms the kernel copies by words,
  // which takes an eighth off a boot and half off starting a program from a share.
  return launch.accel == Accel::kKvm ? "host" + more : "max,-erms" + more;
}

// Emulated, the processors of a VM take turns. Side by side, QEMU before 8.1 may go on running a
// translation of code that another processor has just changed, as kernels change their own when
// a first container gets a quota: they then run into the same breakpoint for ever.
std::string AccelArg(Accel accel) {
  return std::string(AccelName(accel)) + (accel == Accel::kTcg ? ",thread=single" : "");
}

std::string Listening(const char* id, int fd) {
  return std::string("socket,id=") + id + ",fd=" + std::to_string(fd) + ",server=on,wait=off";
}
std::string Connected(const char* id, int fd) {
  return std::string("socket,id=") + id + ",fd=" + std::to_string(fd);
}

void AddMachine(Args& args, const Launch& launch) {
  const sdk::VmConfig& config = launch.config;
  Append(args, {"-name", "guest=shoji-" + config.id});
  // The guest's firmware tables keep it for good: clones of a template had all the same one.
  const bool becomes_template = !config.memory_path.empty() && !launch.incoming.has_value();
  if (!becomes_template) Append(args, {"-uuid", launch.uuid});
  Append(args, {"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"});
  // What the guest breaks out into may not start programs or gain rights.
  Append(args, ConfinementArgs(launch));
  Append(args, {"-machine", MachineArg(launch.machine) + MachineSuffix(launch)});
  Append(args, {"-accel", AccelArg(launch.accel)});
  Append(args, {"-cpu", CpuArg(launch), "-smp", SmpArg(config.vcpus, launch.sizes)});
  Append(args,
         {"-m", "size=" + std::to_string(config.memory_bytes >> 20U) + "M" + MemorySuffix(launch)});
  Append(args, MemoryArgs(launch));
  Append(args, {"-rtc", "base=utc,clock=host"});
  if (launch.incoming.has_value()) {
    // The kernel is in the memory that it gets.
    Append(args, {"-S", "-incoming", "defer"});
    return;
  }
  Append(args, {"-kernel", config.kernel, "-initrd", config.initrd});
  Append(args, {"-append", launch.kernel_command_line});
}

void AddMonitors(Args& args) {
  Append(args, {"-chardev", Listening("qmp0", kMonitorFd), "-mon", "chardev=qmp0,mode=control"});
  Append(args,
         {"-chardev", Listening("qmp1", kOtherMonitorFd), "-mon", "chardev=qmp1,mode=control"});
}

void AddChannels(Args& args, const Launch& launch) {
  Append(args, {"-chardev", Connected("early", kEarlyFd), "-serial", "chardev:early"});
  Append(args, {"-device", Virtio(launch, "virtio-serial") + ",id=serial0"});
  Append(args, {"-chardev", Listening("console0", kConsoleFd)});
  Append(args, {"-device", "virtconsole,chardev=console0,id=console0"});
  Append(args, {"-chardev", Listening("charch0", kAgentFd)});
  Append(args, {"-device", "virtserialport,chardev=charch0,id=channel0,name=agent.channel.0"});
}

void AddShares(Args& args, const Launch& launch) {
  const std::vector<sdk::VmShareConfig>& shares = launch.config.shares;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const std::string id = "share" + std::to_string(i);
    Append(args, {"-fsdev", "local,id=" + id + ",path=" + Escaped(shares[i].host_path) +
                                ",security_model=none,multidevs=remap" +
                                (shares[i].read_only ? ",readonly=on" : "")});
    Append(args, {"-device",
                  Virtio(launch, "virtio-9p") + ",fsdev=" + id + ",mount_tag=" + shares[i].tag});
  }
}

}  // namespace

std::vector<std::string> BuildArgv(const Launch& launch) {
  Args args = {launch.binary};
  AddMachine(args, launch);
  AddMonitors(args);
  AddBridge(args, launch);
  AddChannels(args, launch);
  Append(args, ImageArgs(launch));
  Append(args, {"-device", Virtio(launch, "virtio-rng")});
  // Tells a guest that was cloned from a template that it is another machine now; needs the
  // firmware of a PC.
  if (IsPc(launch)) Append(args, {"-device", "vmgenid,guid=" + launch.uuid});
  if (launch.features.virtio_fs()) {
    Append(args, VirtioFsArgs(launch.config.shares));
  } else {
    AddShares(args, launch);
  }
  if (launch.devices != nullptr) Append(args, launch.devices->args);
  return args;
}

// docs/boot-time.md has the figures behind each of these.
std::string BuildKernelCommandLine(Accel accel, std::uint32_t vcpus, std::uint64_t tsc_khz,
                                   const std::string& option_params, const std::string& vm_params) {
  // "quiet" stands before the early console: only errors and panics reach it then.
  std::vector<std::string> params = {
      "quiet",
      "earlyprintk=ttyS0,115200,keep",
      "console=hvc0",
      // A panic ends the VM: -no-reboot turns the triple fault into the end of QEMU.
      "panic=-1",
      "reboot=t",
      "random.trust_cpu=on",
      "cryptomgr.notests",
      "8250.nr_uarts=0",
      "no_timer_check",
      // Its static branch, switched ten times a second, throws away translated code.
      "kfence.sample_interval=0",
      "audit=0",
  };
  if (accel == Accel::kTcg) {
    // Translated code looks jumps up in a table and checks every access itself: what the
    // mitigations do to the guest's code costs time and protects nothing here.
    params.push_back("mitigations=off");
    // Turning locked instructions into plain ones for one CPU is patching code that was
    // translated already.
    if (vcpus == 1) params.push_back("noreplace-smp");
    // Spares the calibration against a timer; the counter runs as on the host.
    if (tsc_khz != 0) params.push_back("tsc_early_khz=" + std::to_string(tsc_khz));
  }
  for (const std::string& more : {option_params, vm_params}) {
    if (!more.empty()) params.push_back(more);
  }
  return Join(params, " ");
}

}  // namespace shoji::qemu

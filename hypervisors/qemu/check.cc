#include "check.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/spawn/spawn.h"

namespace shoji::qemu {
namespace {

using Json = nlohmann::ordered_json;

constexpr Version kOldest{6, 2};  // what is tested is 7.2; listening sockets by fd are older

// Collects items; one that is required and fails makes the whole check fail.
class Items {
 public:
  void Add(const std::string& item, bool ok, const std::string& detail,
           const std::string& advice = {}) {
    json_.push_back({{"item", item}, {"ok", ok}, {"detail", detail}, {"advice", ok ? "" : advice}});
  }
  // What works, and perhaps how it could work better.
  void Tell(const std::string& item, const std::string& detail, const std::string& advice) {
    json_.push_back({{"item", item}, {"ok", true}, {"detail", detail}, {"advice", advice}});
  }
  void Require(const std::string& item, bool ok, const std::string& detail,
               const std::string& advice) {
    Add(item, ok, detail, advice);
    if (!ok && status_.ok()) {
      status_ = FailedPrecondition(detail + "; " + advice).WithDetail("reason", "skip");
    }
  }
  sdk::Hypervisor::Report Take() {
    return {json_.dump(-1, ' ', true, Json::error_handler_t::replace), std::move(status_)};
  }

 private:
  Json json_ = Json::array();
  Status status_;
};

Result<std::string> OutputOf(std::vector<std::string> argv, Deadline deadline) {
  SpawnOptions command;
  command.argv = std::move(argv);
  SHOJI_ASSIGN_OR_RETURN(
      RunResult result,
      RunCommand(command, deadline.Min(Deadline::After(std::chrono::seconds(10)))));
  if (result.exit.code == 0 && result.exit.signal == 0) return std::move(result.output);
  return FailedPrecondition("\"" + command.argv[0] + "\": " + result.exit.ToString());
}

void CheckAcceleration(Items& items, const Options& options, MachineProbe& machine) {
  const std::string slower =
      "guests run under TCG, which is slower; use a machine with nested "
      "or hardware virtualisation";
  const bool flag = machine.CpuVirtualizes();
  items.Add("cpu virtualisation", flag, flag ? "vmx or svm" : "the CPU shows neither vmx nor svm",
            slower);
  const Status opens = machine.OpenKvm();
  items.Add("/dev/kvm", opens.ok(), opens.ok() ? "opens" : opens.message(),
            "load kvm_intel or kvm_amd, or run with the rights to open it");
  const Status creates = machine.CreateKvmVm();
  items.Add("KVM_CREATE_VM", creates.ok(), creates.ok() ? "succeeds" : creates.message(), slower);
  const auto choice = ChooseAccel(options.accel, machine);
  if (choice.ok()) {
    const bool slow = choice->accel == Accel::kTcg;
    items.Tell("acceleration", AccelName(choice->accel), slow ? slower : "");
  } else {
    items.Require("acceleration", false, choice.status().message(),
                  "set hypervisor.qemu.accel to auto or tcg");
  }
}

void CheckMachineType(Items& items, const std::string& binary, const Options& options,
                      Deadline deadline) {
  const std::string name = options.machine.substr(0, options.machine.find(','));
  const auto output = OutputOf({binary, "-machine", "help"}, deadline);
  bool known = false;
  if (output.ok()) {
    for (const std::string& line : Split(*output, '\n')) known |= line.rfind(name + " ", 0) == 0;
  }
  items.Require("machine type", known,
                known         ? name
                : output.ok() ? "QEMU has no machine type \"" + name + "\""
                              : output.status().message(),
                "set hypervisor.qemu.machine to q35");
}

void CheckQemu(Items& items, const Options& options, Deadline deadline) {
  const auto binary = FindBinary(options.path);
  const std::string install = "install qemu-system-x86 or set hypervisor.qemu.path";
  if (!binary.ok()) {
    items.Require("qemu", false, "QEMU \"" + options.path + "\" not found", install);
    return;
  }
  const auto output = OutputOf({*binary, "--version"}, deadline);
  const Version version = output.ok() ? ParseVersion(*output) : Version{};
  const bool fits = version.major > kOldest.major ||
                    (version.major == kOldest.major && version.minor >= kOldest.minor);
  items.Require("qemu", fits,
                !output.ok() ? output.status().message()
                             : *binary + ": " + output->substr(0, output->find('\n')),
                "install QEMU " + std::to_string(kOldest.major) + "." +
                    std::to_string(kOldest.minor) + " or later");
  if (fits) CheckMachineType(items, *binary, options, deadline);
}

void CheckMemory(Items& items, const Options& options, MachineProbe& machine) {
  const std::uint64_t have = machine.MemoryBytes();
  const std::string detail = std::to_string(have >> 20U) + " MiB in this machine, " +
                             std::to_string(options.memory >> 20U) + " MiB for each VM";
  items.Require("memory", have == 0 || have >= options.memory, detail,
                "set hypervisor.qemu.memory lower");
}

}  // namespace

Version ParseVersion(const std::string& output) {
  Version version;
  if (sscanf(output.c_str(), "QEMU emulator version %d.%d", &version.major, &version.minor) != 2) {
    return {};
  }
  return version;
}

sdk::Hypervisor::Report CheckMachine(const Options& options, MachineProbe& machine,
                                     Deadline deadline) {
  Items items;
  CheckAcceleration(items, options, machine);
  CheckQemu(items, options, deadline);
  const bool vsock = PathExists("/dev/vhost-vsock");
  items.Add("vhost-vsock", vsock, vsock ? "/dev/vhost-vsock" : "there is no /dev/vhost-vsock",
            "not needed: the agent is reached over a serial port");
  CheckMemory(items, options, machine);
  return items.Take();
}

}  // namespace shoji::qemu

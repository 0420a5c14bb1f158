#include "hypervisor.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cgroups.h"
#include "shoji/base/file.h"
#include "vm.h"

namespace shoji::process {
namespace {

using Json = nlohmann::ordered_json;

// Collects items; one that is required and fails makes the whole check fail.
class Items {
 public:
  void Add(const std::string& item, bool ok, const std::string& detail, const std::string& advice,
           bool required) {
    json_.push_back({{"item", item}, {"ok", ok}, {"detail", detail}, {"advice", ok ? "" : advice}});
    if (required && !ok && status_.ok()) {
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

// Something that some VMs need and others do not.
void AddFile(Items& items, const std::string& path, const std::string& without) {
  const bool there = PathExists(path);
  items.Add(path, there, there ? "there" : path + " is missing: " + without,
            "load the module, if you need it", false);
}

}  // namespace

Result<std::unique_ptr<sdk::Hypervisor>> ProcessHypervisor::Open(const sdk::Host& host,
                                                                 const sdk::OptionMap& options) {
  SHOJI_ASSIGN_OR_RETURN(Options read, ReadOptions(host, options));
  return std::unique_ptr<sdk::Hypervisor>(
      std::make_unique<ProcessHypervisor>(host, std::move(read)));
}

sdk::Hypervisor::Report ProcessHypervisor::Check(const sdk::HypervisorCall& /*call*/) {
  Items items;
  items.Add("isolation", false, "hypervisor \"process\" has none: the kernel is the host's",
            "for development and tests only", false);
  items.Add("root", geteuid() == 0, geteuid() == 0 ? "yes" : "not root",
            "run as root: namespaces are made without users of their own", true);
  const bool program = access(options_.agent.c_str(), X_OK) == 0;
  items.Add("agent", program, options_.agent + (program ? "" : " cannot be run"),
            "install it, or set hypervisor.process.agent to its path", true);
  for (const char* name : {"mnt", "pid", "ipc", "uts", "net"}) {
    const std::string path = std::string("/proc/self/ns/") + name;
    const bool there = PathExists(path);
    items.Add(path, there, there ? "there" : path + " is missing",
              "use a kernel with these namespaces", true);
  }
  const std::string cgroup = CgroupFor("check", "/");
  items.Add("cgroup v2", !cgroup.empty(),
            cgroup.empty() ? "not mounted: no pause and no statistics" : cgroup,
            "mount cgroup2 somewhere", false);
  AddFile(items, "/dev/loop-control", "no disks");
  AddFile(items, "/dev/net/tun", "no network cards");
  return items.Take();
}

Result<std::unique_ptr<sdk::Vm>> ProcessHypervisor::Create(const sdk::HypervisorCall& /*call*/,
                                                           sdk::VmConfig config) {
  SHOJI_RETURN_IF_ERROR(CheckConfig(config));
  if (access(options_.agent.c_str(), X_OK) < 0) {
    return NotFound("program " + options_.agent +
                    " cannot be run; install it, or set hypervisor.process.agent to its path");
  }
  host_.Log(SHOJI_LOG_WARN, "NO ISOLATION: \"" + config.id +
                                "\" runs on the host's own kernel, not in a VM "
                                "(hypervisor.process.allow_insecure is set)");
  return std::unique_ptr<sdk::Vm>(std::make_unique<ProcessVm>(host_, options_, std::move(config)));
}

sdk::Hypervisor::Attached ProcessHypervisor::Attach(const sdk::HypervisorCall& /*call*/,
                                                    std::string_view state) {
  Result<SavedVm> saved = DecodeState(state);
  if (!saved.ok()) return {nullptr, saved.status()};
  Result<UniqueFd> keeper = FindProcess(saved->keeper, saved->boot_id);
  Attached attached;
  attached.status = keeper.status();
  // NOT_FOUND gives a handle, for cleaning up; any other failure says nothing about the VM.
  if (!keeper.ok() && keeper.status().code() != StatusCode::kNotFound) return attached;
  attached.vm = std::make_unique<ProcessVm>(host_, std::move(*saved),
                                            keeper.ok() ? std::move(*keeper) : UniqueFd());
  return attached;
}

}  // namespace shoji::process

#include "warm.h"

#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "identity.h"
#include "mounts.h"
#include "shoji/base/deadline.h"
#include "shoji/base/file.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/sdk/other_plugin.h"

namespace shoji::cache {
namespace {

using nlohmann::json;

constexpr char kId[] = "warm";
// Where every host has the guest mount its share.
constexpr char kGuestShare[] = "/run/kata-containers/shared/containers";
constexpr std::chrono::seconds kLimit{30};
constexpr std::uint32_t kRemoveSeconds = 10;
constexpr std::uint32_t kOutputBytes = 1U << 20U;

Status Code(std::int32_t code) { return code == SHOJI_OK ? OkStatus() : sdk::Told(code); }

// A root file system with a program in it, which comes with Shoji.
std::string SmallRootfs(const sdk::Host& host) {
  const auto libexec = host.Dir(SHOJI_DIR_LIBEXEC);
  if (!libexec.ok()) return {};
  const std::string rootfs = *libexec + "/../../share/shoji/rootfs/busybox";
  return PathExists(rootfs + "/bin/busybox") ? rootfs : std::string();
}

// The root file system below what the guest sees, for as long as it lives.
class SharedRootfs {
 public:
  explicit SharedRootfs(const Place& place) : dir_(place.dir() + "/mounts/" + kId) {}
  // Never what lies in the directory: should it still be mounted, it is not ours.
  ~SharedRootfs() {
    static_cast<void>(UnmountBelow(dir_));
    rmdir((dir_ + "/rootfs").c_str());
    rmdir(dir_.c_str());
  }
  SharedRootfs(const SharedRootfs&) = delete;
  SharedRootfs& operator=(const SharedRootfs&) = delete;

  Status Mount(const std::string& source) {
    const std::string target = dir_ + "/rootfs";
    SHOJI_RETURN_IF_ERROR(MakeDirs(target, 0700));
    return MountReadOnly(source, target);
  }

 private:
  const std::string dir_;
};

// How the guest mounts a share, with the texts that the C structure points to.
class ShareMount {
 public:
  Status Ask(const WarmVm& vm, const std::string& tag, shoji_error* error) {
    const auto* table = static_cast<const shoji_hypervisor_shares_v1*>(
        vm.hypervisor->get_extension(vm.vm, SHOJI_HYPERVISOR_SHARES_V1));
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_shares_v1, table, share_mount)) {
      return FailedPrecondition("the hypervisor does not say how the guest mounts its share");
    }
    std::string text;
    const shoji_sink sink = sdk::SinkTo(&text);
    SHOJI_RETURN_IF_ERROR(Code(table->share_mount(vm.vm, sdk::ToStr(tag), &sink, error)));
    how_ = json::parse(text, nullptr, false);
    return OkStatus();
  }

  // Points into this object. DATA_LOSS for what is no mount.
  Result<shoji_storage> Storage() {
    try {
      for (const char* const name : {"driver", "source", "fstype"}) {
        texts_.push_back(how_.at(name).get<std::string>());
      }
      if (how_.contains("options")) {
        options_ = how_.at("options").get<std::vector<std::string>>();
      }
    } catch (const json::exception&) {
      return DataLoss("how the share is mounted cannot be read");
    }
    for (const std::string& option : options_) option_strs_.push_back(sdk::ToStr(option));
    shoji_storage out{};
    out.struct_size = sizeof out;
    out.option_count = static_cast<std::uint32_t>(option_strs_.size());
    out.driver = sdk::ToStr(texts_[0]);
    out.source = sdk::ToStr(texts_[1]);
    out.fstype = sdk::ToStr(texts_[2]);
    out.mount_point = sdk::ToStr(kGuestShare);
    out.options = option_strs_.data();
    return out;
  }

 private:
  json how_;
  std::vector<std::string> texts_;
  std::vector<std::string> options_;
  std::vector<shoji_str> option_strs_;
};

json Mounts() {
  const auto mount = [](const char* where, const char* type, const char* source,
                        const std::vector<std::string>& options) {
    return json{{"destination", where}, {"type", type}, {"source", source}, {"options", options}};
  };
  return json::array(
      {mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
       mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
       mount("/dev/pts", "devpts", "devpts",
             {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
       mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
       mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
       mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777"}),
       mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "ro"})});
}

json Process() {
  const json capabilities = {"CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID"};
  json sets;
  for (const char* const set : {"bounding", "effective", "permitted"}) sets[set] = capabilities;
  return {{"args", {"/bin/busybox", "echo", "warm"}},
          {"env", json::array({"PATH=/bin"})},
          {"cwd", "/"},
          {"user", {{"uid", 0}, {"gid", 0}}},
          {"capabilities", sets},
          {"rlimits", json::array({{{"type", "RLIMIT_NOFILE"}, {"hard", 1024}, {"soft", 1024}}})},
          {"noNewPrivileges", true}};
}

// What a usual container asks for, so that nothing of it is new to the guest afterwards.
std::string Spec() {
  json namespaces = json::array();
  for (const char* const type : {"network", "ipc", "uts", "mount", "cgroup"}) {
    namespaces.push_back({{"type", type}});
  }
  const json spec = {
      {"ociVersion", "1.0.2"},
      {"process", Process()},
      {"root", {{"path", std::string(kGuestShare) + "/" + kId + "/rootfs"}, {"readonly", false}}},
      {"hostname", kId},
      {"mounts", Mounts()},
      {"linux",
       {{"cgroupsPath", std::string("/") + kId},
        {"namespaces", namespaces},
        {"maskedPaths", {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"}},
        {"readonlyPaths", {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"}}}}};
  return spec.dump();
}

// The calls of a sandbox, in its order.
class Rehearsal {
 public:
  Rehearsal(const WarmVm& vm, const shoji_call* call, shoji_error* error)
      : vm_(vm), call_(call), error_(error) {}

  Status Identity() {
    SHOJI_ASSIGN_OR_RETURN(const std::int32_t seeded,
                           factories::ReseedGuest(*vm_.agents, vm_.agent, call_, error_));
    SHOJI_RETURN_IF_ERROR(Code(seeded));
    return Code(factories::SetGuestClock(*vm_.agents, vm_.agent, call_, error_));
  }

  Status Sandbox(const shoji_storage& share) {
    const shoji_storage* const storages[] = {&share};
    shoji_sandbox_request request{};
    request.struct_size = sizeof request;
    request.sandbox_id = request.hostname = sdk::ToStr(kId);
    request.storages = storages;
    request.storage_count = 1;
    const Status made = Code(vm_.agents->create_sandbox(vm_.agent, call_, &request, error_));
    const Status lived = made.ok() ? Container() : made;
    // Also of one that was made after we had stopped waiting for it.
    const Status gone = Code(vm_.agents->destroy_sandbox(vm_.agent, call_, error_));
    left_ = !gone.ok();
    return left_ ? gone : lived;
  }

  // Something may be left in the guest.
  bool left() const { return left_; }

 private:
  Status Container() {
    const std::string spec = Spec();
    shoji_container_request request{};
    request.struct_size = sizeof request;
    request.container_id = request.exec_id = sdk::ToStr(kId);
    request.spec_json = sdk::ToStr(spec);
    SHOJI_RETURN_IF_ERROR(Code(vm_.agents->create_container(vm_.agent, call_, &request, error_)));
    const Status lived = Run();
    const Status removed = Code(
        vm_.agents->remove_container(vm_.agent, call_, sdk::ToStr(kId), kRemoveSeconds, error_));
    return lived.ok() ? removed : lived;
  }

  Status Run() {
    const shoji_process_ref process = {sdk::ToStr(kId), sdk::ToStr(kId)};
    SHOJI_RETURN_IF_ERROR(
        Code(vm_.agents->start_container(vm_.agent, call_, sdk::ToStr(kId), error_)));
    std::string out;
    const shoji_sink sink = sdk::SinkTo(&out);
    const auto read = [&](auto slot) {
      while (slot(vm_.agent, call_, process, kOutputBytes, &sink, nullptr) == SHOJI_OK) {
      }
    };
    read(vm_.agents->read_stdout);
    read(vm_.agents->read_stderr);
    std::int32_t status = 0;
    SHOJI_RETURN_IF_ERROR(
        Code(vm_.agents->wait_process(vm_.agent, call_, process, &status, error_)));
    return status == 0 ? OkStatus() : Internal("it ended with " + std::to_string(status));
  }

  const WarmVm& vm_;
  const shoji_call* const call_;
  shoji_error* const error_;
  bool left_ = false;
};

// `left`: whether the guest may keep something of it.
Status TryWarm(const sdk::Host& host, const WarmVm& vm, const Place& place, const Wanted& wanted,
               const shoji_call* call, shoji_error* error, bool* left) {
  Rehearsal rehearsal(vm, call, error);
  SHOJI_RETURN_IF_ERROR(rehearsal.Identity());
  if (wanted.shares().empty()) return FailedPrecondition("it shares no directory");
  const std::string source = SmallRootfs(host);
  if (source.empty()) return NotFound("the small root file system is not installed");
  SharedRootfs rootfs(place);
  SHOJI_RETURN_IF_ERROR(rootfs.Mount(source));
  ShareMount mount;
  SHOJI_RETURN_IF_ERROR(mount.Ask(vm, wanted.shares().front().tag, error));
  SHOJI_ASSIGN_OR_RETURN(const shoji_storage share, mount.Storage());
  Status done = rehearsal.Sandbox(share);
  *left = rehearsal.left();
  return done;
}

}  // namespace

Status Warm(const sdk::Host& host, const WarmVm& vm, const Place& place, const Wanted& wanted,
            const shoji_call* call, shoji_error* error) {
  // Agents of other protocols end their guest with the sandbox.
  if (wanted.field("agent") != "kata") return OkStatus();
  shoji_call limited = *sdk::CallView(call).get();
  limited.deadline_ns =
      Deadline::FromNanos(limited.deadline_ns).Min(Deadline::After(kLimit)).nanos();
  bool left = false;
  const std::int64_t began = Deadline::NowNanos();
  const Status warmed = TryWarm(host, vm, place, wanted, &limited, error, &left);
  if (left) return warmed;
  if (warmed.ok()) {
    const auto taken = std::chrono::nanoseconds(Deadline::NowNanos() - began);
    host.Log(SHOJI_LOG_DEBUG, "a container lived and ended in VM " + place.id() + ": " +
                                  std::to_string(taken / std::chrono::milliseconds(1)) + " ms");
    return OkStatus();
  }
  std::string why(warmed.message());
  if (!warmed.detail("told").empty()) why = sdk::ToldText(host, error);
  host.Log(SHOJI_LOG_DEBUG, "VM " + place.id() + " waits without a rehearsal: " + why);
  return OkStatus();
}

}  // namespace shoji::cache

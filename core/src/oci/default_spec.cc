// DefaultSpec(): what an engine writes for a container that asks for nothing special.
#include <nlohmann/json.hpp>

#include "oci/process.h"
#include "oci/spec.h"

namespace shoji {
namespace {

using nlohmann::json;

json MountObject(const std::string& destination, const std::string& type, const std::string& source,
                 const std::vector<std::string>& options) {
  return {{"destination", destination}, {"type", type}, {"source", source}, {"options", options}};
}

json DefaultMounts() {
  return json::array({
      MountObject("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
      MountObject("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      MountObject("/dev/pts", "devpts", "devpts",
                  {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      MountObject("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      MountObject("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
      MountObject("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777"}),
      MountObject("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "ro"}),
  });
}

json MaskedPaths() {
  return {"/proc/acpi",       "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/scsi",    "/proc/sched_debug",
          "/sys/firmware",    "/sys/fs/selinux",   "/sys/dev/block"};
}

json ReadonlyPaths() {
  return {"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
}

json Namespaces() {
  json out = json::array();
  for (const char* type : {"pid", "network", "ipc", "uts", "mount", "cgroup"}) {
    out.push_back({{"type", type}});
  }
  return out;
}

// A mount of the caller takes the place of the default one on the same destination.
void AddMount(json& mounts, const Mount& mount) {
  json added = MountObject(mount.destination, mount.type.empty() ? "bind" : mount.type,
                           mount.source, mount.options);
  for (json& present : mounts) {
    if (present.at("destination") == mount.destination) {
      present = std::move(added);
      return;
    }
  }
  mounts.push_back(std::move(added));
}

}  // namespace

std::string DefaultSpec(const ContainerConfig& config, const User& user,
                        const std::string& hostname) {
  json mounts = DefaultMounts();
  for (const Mount& mount : config.mounts) AddMount(mounts, mount);
  const auto env = WithDefaultEnv(config.cmd.envs, config.cmd.terminal, user, hostname);
  // One in a storage is put in place for the guest.
  const std::string root = config.rootfs.storage.empty() ? config.rootfs.source : "/";
  json spec = {{"ociVersion", "1.0.2"},
               {"process", ProcessObject(config.cmd, user, env)},
               {"root", {{"path", root}, {"readonly", config.rootfs.read_only}}},
               {"hostname", hostname},
               {"mounts", std::move(mounts)},
               {"annotations", config.annotations},
               {"linux",
                {{"namespaces", Namespaces()},
                 {"maskedPaths", MaskedPaths()},
                 {"readonlyPaths", ReadonlyPaths()}}}};
  return spec.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace shoji

#include "request/validate.h"

#include <algorithm>
#include <cctype>
#include <csignal>
#include <set>

#include "host/host_cgroup.h"
#include "request/assets.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxId = 64;
constexpr std::size_t kMaxHostname = 63;
constexpr std::uint64_t kMinShm = 4096;

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

bool IsIdChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
}

bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

Status ValidateEnvs(const Cmd& cmd, std::string_view what) {
  for (const std::string& env : cmd.envs) {
    const std::size_t equals = env.find('=');
    if (equals == 0 || equals == std::string::npos || HasNul(env)) {
      return InvalidArgument("environment variable " + Quoted(env) + " of " + std::string(what) +
                             " is not of the form NAME=value");
    }
  }
  return OkStatus();
}

Status ValidateArgs(const Cmd& cmd, std::string_view what) {
  if (cmd.args.empty() || cmd.args[0].empty()) {
    return InvalidArgument("command of " + std::string(what) +
                           " is empty; give at least the program to run");
  }
  for (const std::string& arg : cmd.args) {
    if (HasNul(arg)) {
      return InvalidArgument("an argument of " + std::string(what) + " contains a NUL byte");
    }
  }
  return OkStatus();
}

Status ValidateMount(const Mount& mount, std::string_view what) {
  if (mount.destination.empty() || mount.destination[0] != '/' || HasNul(mount.destination)) {
    return InvalidArgument("mount destination " + Quoted(mount.destination) + " of " +
                           std::string(what) + " is not an absolute path");
  }
  if (mount.type == "bind" && (mount.source.empty() || mount.source[0] != '/')) {
    return InvalidArgument("source " + Quoted(mount.source) + " of the bind mount on " +
                           Quoted(mount.destination) + " of " + std::string(what) +
                           " is not an absolute path");
  }
  return OkStatus();
}

Status ValidateBundle(const ContainerConfig& config, const std::string& what) {
  if (!config.bundle.empty() && config.bundle[0] != '/') {
    return InvalidArgument("bundle " + Quoted(config.bundle) + " of " + what +
                           " is not an absolute path");
  }
  return OkStatus();
}

Status ValidateRootfs(const RootFs& rootfs, const std::string& what) {
  if (rootfs.storage.empty()) return OkStatus();
  if (!rootfs.source.empty()) {
    return InvalidArgument("rootfs of " + what + " is both " + Quoted(rootfs.source) +
                           " and in storage " + Quoted(rootfs.storage) + "; give one");
  }
  if (rootfs.ephemeral) {
    return InvalidArgument("rootfs of " + what + " in storage " + Quoted(rootfs.storage) +
                           " cannot be ephemeral; give a directory of the host");
  }
  return OkStatus();
}

Status ValidateHostname(const std::string& hostname) {
  if (hostname.size() > kMaxHostname) {
    return InvalidArgument("host name " + Quoted(hostname) + " is longer than " +
                           std::to_string(kMaxHostname) + " characters");
  }
  const bool good = std::all_of(hostname.begin(), hostname.end(), IsIdChar);
  if (!good) {
    return InvalidArgument("host name " + Quoted(hostname) +
                           " has a character other than letters, digits, '-', '_' and '.'");
  }
  return OkStatus();
}

}  // namespace

Status ValidateId(std::string_view what, std::string_view id) {
  const bool good = !id.empty() && id.size() <= kMaxId && id != "." && id != ".." &&
                    std::all_of(id.begin(), id.end(), IsIdChar);
  if (good) return OkStatus();
  if (id.size() > kMaxId) {
    return InvalidArgument(std::string(what) + " id " + Quoted(id) + " has " +
                           std::to_string(id.size()) + " characters; at most 64 are possible");
  }
  return InvalidArgument(std::string(what) + " id " + Quoted(id) +
                         " is not 1 to 64 characters of A-Z a-z 0-9 '_' '.' '-'");
}

Status ValidateSignal(int signal) {
  if (signal >= 1 && signal <= SIGRTMAX) return OkStatus();
  return InvalidArgument("signal " + std::to_string(signal) + " is not 1 to " +
                         std::to_string(SIGRTMAX));
}

Status ValidateShimStdio(const Cmd& cmd, std::string_view what) {
  if (cmd.console.empty()) return OkStatus();
  if (cmd.console[0] != '/' || HasNul(cmd.console)) {
    return InvalidArgument("console " + Quoted(cmd.console) + " of " + std::string(what) +
                           " is not an absolute path");
  }
  if (!cmd.detach) return OkStatus();
  return InvalidArgument(std::string(what) + " has console " + Quoted(cmd.console) +
                         " and is detached; choose one");
}

Status ValidateCmd(const Cmd& cmd, std::string_view what) {
  SHOJI_RETURN_IF_ERROR(ValidateShimStdio(cmd, what));
  if (!cmd.oci_process.empty()) return OkStatus();  // checked when it is read
  SHOJI_RETURN_IF_ERROR(ValidateArgs(cmd, what));
  SHOJI_RETURN_IF_ERROR(ValidateEnvs(cmd, what));
  if (!cmd.work_dir.empty() && cmd.work_dir[0] != '/') {
    return InvalidArgument("working directory " + Quoted(cmd.work_dir) + " of " +
                           std::string(what) + " is not an absolute path");
  }
  return OkStatus();
}

Status ValidateContainer(const ContainerConfig& config) {
  SHOJI_RETURN_IF_ERROR(ValidateId("container", config.id));
  const std::string what = "container " + Quoted(config.id);
  SHOJI_RETURN_IF_ERROR(ValidateBundle(config, what));
  SHOJI_RETURN_IF_ERROR(ValidateContainerDevices(config));
  SHOJI_RETURN_IF_ERROR(ValidateRootfs(config.rootfs, what));
  if (!config.cmd.oci_process.empty()) {
    return InvalidArgument(what + " has an oci_process, which is for a process that joins one; " +
                           "give it an oci_spec");
  }
  if (!config.oci_spec.empty()) return ValidateShimStdio(config.cmd, what);
  SHOJI_RETURN_IF_ERROR(ValidateCmd(config.cmd, what));
  if (config.rootfs.storage.empty() &&
      (config.rootfs.source.empty() || config.rootfs.source[0] != '/')) {
    return InvalidArgument("rootfs " + Quoted(config.rootfs.source) + " of " + what +
                           " is not an absolute path");
  }
  for (const Mount& mount : config.mounts) {
    SHOJI_RETURN_IF_ERROR(ValidateMount(mount, what));
  }
  return OkStatus();
}

Status ValidateSandbox(const SandboxConfig& config) {
  SHOJI_RETURN_IF_ERROR(ValidateId("sandbox", config.id));
  SHOJI_RETURN_IF_ERROR(ValidateHostname(config.hostname));
  if (config.shm_size < kMinShm) {
    return InvalidArgument("shm size " + std::to_string(config.shm_size) + " of sandbox " +
                           Quoted(config.id) + " is less than 4096 bytes");
  }
  const std::string& hooks = config.guest_hook_path;
  if (!hooks.empty() && (hooks[0] != '/' || HasNul(hooks))) {
    return InvalidArgument("guest hook path " + Quoted(hooks) + " of sandbox " + Quoted(config.id) +
                           " is not an absolute path");
  }
  SHOJI_RETURN_IF_ERROR(ValidateAssets(config.assets));
  if (!config.cgroup_parent.empty()) {
    SHOJI_RETURN_IF_ERROR(ValidateCgroupParent(config.cgroup_parent));
  }
  std::set<std::string> ids;
  for (const ContainerConfig& container : config.containers) {
    SHOJI_RETURN_IF_ERROR(ValidateContainer(container));
    if (!ids.insert(container.id).second) {
      return InvalidArgument("container id " + Quoted(container.id) + " is used twice in sandbox " +
                             Quoted(config.id));
    }
  }
  return ValidateAttached(config);
}

}  // namespace shoji

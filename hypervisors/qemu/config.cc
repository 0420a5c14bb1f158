#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "shoji/base/strings.h"

namespace shoji::qemu {
namespace {

constexpr std::size_t kMaxId = 64;
constexpr std::size_t kMaxTag = 31;  // what virtio-9p takes
constexpr std::uint64_t kMiB = 1U << 20U;

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

std::string InMiB(std::uint64_t bytes) { return std::to_string(bytes / kMiB) + " MiB"; }

bool IsWord(const std::string& text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [more](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

// Printable, one line: what a kernel command line and an argument vector can carry.
bool IsPlainLine(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c != 0x7f; });
}

Status CheckFile(const std::string& what, const std::string& path, mode_t type) {
  if (path.empty() || path[0] != '/' || !IsPlainLine(path)) {
    return InvalidArgument(what + " " + Quoted(path) + " is not an absolute path");
  }
  struct stat st {};
  if (stat(path.c_str(), &st) < 0) {
    return NotFound(what + " " + Quoted(path) + " does not exist").WithErrno(errno);
  }
  if ((st.st_mode & S_IFMT) != type) {
    return InvalidArgument(what + " " + Quoted(path) + " is not a " +
                           (type == S_IFDIR ? "directory" : "regular file"));
  }
  return OkStatus();
}

Status CheckShares(const std::vector<sdk::VmShareConfig>& shares) {
  std::set<std::string> tags;
  for (const sdk::VmShareConfig& share : shares) {
    if (share.tag.size() > kMaxTag || !IsWord(share.tag, "_.-")) {
      return InvalidArgument("share tag " + Quoted(share.tag) + " is not 1 to " +
                             std::to_string(kMaxTag) + " characters of A-Z a-z 0-9 _ . -");
    }
    if (!tags.insert(share.tag).second) {
      return InvalidArgument("share tag " + Quoted(share.tag) + " is used twice");
    }
    SHOJI_RETURN_IF_ERROR(CheckFile("shared directory", share.host_path, S_IFDIR));
  }
  return OkStatus();
}

Status CheckMemory(std::uint64_t bytes, std::uint64_t host_memory) {
  if (bytes < kMinMemory) {
    return InvalidArgument("memory " + InMiB(bytes) + " is too small; a guest needs at least " +
                           InMiB(kMinMemory));
  }
  if (host_memory != 0 && bytes > host_memory) {
    return ResourceExhausted("memory " + InMiB(bytes) + " is more than the " + InMiB(host_memory) +
                             " of this machine");
  }
  return OkStatus();
}

Status CheckVcpus(std::uint64_t vcpus) {
  if (vcpus >= 1 && vcpus <= kMaxVcpus) return OkStatus();
  return InvalidArgument("vcpus " + std::to_string(vcpus) + " is not 1 to " +
                         std::to_string(kMaxVcpus));
}

Status CheckOptions(const Options& options) {
  if (options.path.empty()) return InvalidArgument("hypervisor.qemu.path is empty");
  if (!IsWord(options.machine, "_.,=-")) {
    return InvalidArgument("hypervisor.qemu.machine " + Quoted(options.machine) +
                           " is not a machine type such as q35");
  }
  if (!options.cpu.empty() && !IsWord(options.cpu, "_.,=+-")) {
    return InvalidArgument("hypervisor.qemu.cpu " + Quoted(options.cpu) +
                           " is not a CPU model such as max");
  }
  const std::set<std::string> accels = {"auto", "kvm", "tcg"};
  if (accels.count(options.accel) == 0) {
    return InvalidArgument("hypervisor.qemu.accel " + Quoted(options.accel) +
                           " is unknown; allowed are auto, kvm, tcg");
  }
  if (!IsPlainLine(options.kernel_params)) {
    return InvalidArgument("hypervisor.qemu.kernel_params has control characters");
  }
  return OkStatus();
}

bool IsExecutableFile(const std::string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && access(path.c_str(), X_OK) == 0;
}

Status MissingBinary(const std::string& path) {
  return NotFound("QEMU " + Quoted(path) +
                  " not found; install qemu-system-x86 or set hypervisor.qemu.path");
}

void TakeText(const sdk::OptionMap& map, const char* name, std::string& value) {
  if (std::string given = map.Get(name); !given.empty()) value = std::move(given);
}

}  // namespace

Result<Options> ReadOptions(const sdk::OptionMap& map) {
  Options options;
  TakeText(map, "path", options.path);
  TakeText(map, "machine", options.machine);
  TakeText(map, "accel", options.accel);
  TakeText(map, "cpu", options.cpu);
  TakeText(map, "kernel_params", options.kernel_params);
  if (const std::string text = map.Get("vcpus"); !text.empty()) {
    SHOJI_ASSIGN_OR_RETURN(const std::int64_t vcpus, ParseInt(text));
    SHOJI_RETURN_IF_ERROR(CheckVcpus(vcpus < 0 ? 0 : static_cast<std::uint64_t>(vcpus)));
    options.vcpus = static_cast<std::uint32_t>(vcpus);
  }
  if (const std::string text = map.Get("memory"); !text.empty()) {
    SHOJI_ASSIGN_OR_RETURN(options.memory, ParseSize(text));
    SHOJI_RETURN_IF_ERROR(CheckMemory(options.memory, 0));
  }
  SHOJI_ASSIGN_OR_RETURN(options.features, ReadFeatures(map));
  SHOJI_ASSIGN_OR_RETURN(options.sizes, ReadSizes(map));
  SHOJI_RETURN_IF_ERROR(CheckOptions(options));
  return options;
}

Result<sdk::VmConfig> CheckConfig(sdk::VmConfig config, const Options& options,
                                  std::uint64_t host_memory) {
  if (config.id.size() > kMaxId || !IsWord(config.id, "_.-")) {
    return InvalidArgument("VM id " + Quoted(config.id) + " is not 1 to " + std::to_string(kMaxId) +
                           " characters of A-Z a-z 0-9 _ . -");
  }
  if (config.vcpus == 0) config.vcpus = options.vcpus;
  if (config.memory_bytes == 0) config.memory_bytes = options.memory;
  SHOJI_RETURN_IF_ERROR(CheckVcpus(config.vcpus));
  SHOJI_RETURN_IF_ERROR(CheckMemory(config.memory_bytes, host_memory));
  config.memory_bytes = (config.memory_bytes + kMiB - 1) / kMiB * kMiB;
  SHOJI_RETURN_IF_ERROR(CheckFile("run directory", config.run_dir, S_IFDIR));
  SHOJI_RETURN_IF_ERROR(CheckFile("kernel", config.kernel, S_IFREG));
  SHOJI_RETURN_IF_ERROR(CheckFile("initrd", config.initrd, S_IFREG));
  if (!IsPlainLine(config.kernel_params)) {
    return InvalidArgument("kernel_params has control characters");
  }
  SHOJI_RETURN_IF_ERROR(CheckShares(config.shares));
  if (!config.image.empty()) SHOJI_RETURN_IF_ERROR(CheckFile("image", config.image, S_IFREG));
  SHOJI_RETURN_IF_ERROR(CheckFeatures(options.features, config, options.machine));
  return config;
}

Result<std::string> FindBinary(const std::string& path) {
  if (path.find('/') != std::string::npos) {
    if (IsExecutableFile(path)) return path;
    return MissingBinary(path);
  }
  const char* dirs = getenv("PATH");
  for (const std::string& dir : Split(dirs != nullptr ? dirs : "/usr/bin:/bin", ':')) {
    const std::string candidate = (dir.empty() ? "." : dir) + "/" + path;
    if (IsExecutableFile(candidate)) return candidate;
  }
  return MissingBinary(path);
}

}  // namespace shoji::qemu

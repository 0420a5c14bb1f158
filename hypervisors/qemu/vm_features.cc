#include "vm_features.h"

#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::qemu {
namespace {

constexpr std::size_t kMaxUserRecord = 64U << 10U;

std::string Option(const char* name, const std::string& value) {
  return std::string("hypervisor.qemu.") + name + " \"" + value + "\"";
}

Status OneOf(const char* name, const std::string& value, const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return OkStatus();
  return InvalidArgument(Option(name, value) + " is unknown; allowed are " + Join(allowed, ", "));
}

// What goes on behind a comma of QEMU's option lists.
Status CheckList(const char* name, const std::string& value, const char* example) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.,=+-").find(c) != std::string_view::npos;
  };
  const bool edges = !value.empty() && (value.front() == ',' || value.back() == ',');
  if (!edges && std::all_of(value.begin(), value.end(), allowed)) return OkStatus();
  return InvalidArgument(Option(name, value) + " is not a list such as " + example);
}

Status CheckUser(const std::string& user) {
  if (user.empty()) return OkStatus();
  std::vector<char> buffer(kMaxUserRecord);
  passwd record{};
  passwd* found = nullptr;
  getpwnam_r(user.c_str(), &record, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return InvalidArgument(Option("user", user) + " is not known on this machine; make the user");
  }
  if (geteuid() != 0) {
    return InvalidArgument(Option("user", user) + " needs root, who alone may become another user");
  }
  return OkStatus();
}

Status CheckPath(const char* name, const std::string& path, bool must_exist) {
  const bool plain = std::all_of(path.begin(), path.end(), [](char c) { return c >= ' '; });
  if (path.empty() || path[0] != '/' || !plain) {
    return InvalidArgument(Option(name, path) + " is not an absolute path");
  }
  struct stat st {};
  if (!must_exist || (stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode))) return OkStatus();
  return NotFound(Option(name, path) + " is not a file");
}

Status CheckValues(const Features& f) {
  SHOJI_RETURN_IF_ERROR(OneOf("shared_fs", f.shared_fs, {"9p", "virtio-fs"}));
  SHOJI_RETURN_IF_ERROR(OneOf("virtiofs_cache", f.virtiofs_cache, {"auto", "none", "always"}));
  SHOJI_RETURN_IF_ERROR(OneOf("image_device", f.image_device, {"virtio-blk", "nvdimm"}));
  SHOJI_RETURN_IF_ERROR(OneOf("image_fstype", f.image_fstype, {"ext4", "erofs"}));
  SHOJI_RETURN_IF_ERROR(
      CheckList("machine_accelerators", f.machine_accelerators, "kernel_irqchip=split"));
  SHOJI_RETURN_IF_ERROR(CheckList("cpu_features", f.cpu_features, "-avx512f,+aes"));
  if (!f.firmware.empty()) SHOJI_RETURN_IF_ERROR(CheckPath("firmware", f.firmware, true));
  SHOJI_RETURN_IF_ERROR(CheckPath("virtiofsd", f.virtiofsd, false));
  return CheckUser(f.user);
}

void TakeText(const sdk::OptionMap& map, const char* name, std::string& value) {
  if (std::string given = map.Get(name); !given.empty()) value = std::move(given);
}

// "HugePages_Free:     512" of /proc/meminfo, in its own unit.
std::uint64_t MemInfo(const std::string& text, const std::string& name) {
  for (const std::string& line : Split(text, '\n')) {
    if (line.rfind(name + ":", 0) != 0) continue;
    const auto words = Split(Trim(line.substr(name.size() + 1)), ' ');
    const auto value = words.empty() ? Result<std::int64_t>(0) : ParseInt(words[0]);
    return value.ok() && *value > 0 ? static_cast<std::uint64_t>(*value) : 0;
  }
  return 0;
}

Status CheckHugePages(std::uint64_t bytes) {
  SHOJI_ASSIGN_OR_RETURN(const std::string info, ReadFile("/proc/meminfo"));
  const std::uint64_t page = MemInfo(info, "Hugepagesize") << 10U;
  const std::uint64_t free = MemInfo(info, "HugePages_Free") * page;
  if (page != 0 && bytes % page != 0) {
    return InvalidArgument("memory of " + std::to_string(bytes >> 20U) +
                           " MiB is no multiple of the huge pages of " +
                           std::to_string(page >> 20U) + " MiB");
  }
  if (bytes <= free) return OkStatus();
  return ResourceExhausted("memory of " + std::to_string(bytes >> 20U) + " MiB, but " +
                           std::to_string(free >> 20U) +
                           " MiB of huge pages are free; raise vm.nr_hugepages or set "
                           "hypervisor.qemu.hugepages to false");
}

Status CheckVirtioFs(const Features& features, const sdk::VmConfig& config) {
  if (access(features.virtiofsd.c_str(), X_OK) < 0) {
    return NotFound("virtiofsd \"" + features.virtiofsd +
                    "\" not found; install qemu-system-common or set hypervisor.qemu.virtiofsd");
  }
  if (!config.memory_path.empty()) {
    return InvalidArgument("memory_path \"" + config.memory_path +
                           "\" is for snapshots, which a VM with virtio-fs cannot have; set "
                           "hypervisor.qemu.shared_fs to 9p");
  }
  for (const sdk::VmShareConfig& share : config.shares) {
    struct statvfs fs {};
    const bool sealed = statvfs(share.host_path.c_str(), &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
    if (share.read_only && !sealed) {
      return InvalidArgument("share \"" + share.tag +
                             "\" is read-only, which virtiofsd cannot "
                             "enforce; mount \"" +
                             share.host_path +
                             "\" read-only or set "
                             "hypervisor.qemu.shared_fs to 9p");
    }
  }
  return OkStatus();
}

}  // namespace

Result<Features> ReadFeatures(const sdk::OptionMap& map) {
  Features f;
  f.sandbox = map.Get("sandbox").empty() || map.GetBool("sandbox");
  f.hugepages = map.GetBool("hugepages");
  f.prealloc = map.GetBool("prealloc");
  f.mlock = map.GetBool("mlock");
  TakeText(map, "user", f.user);
  TakeText(map, "firmware", f.firmware);
  TakeText(map, "machine_accelerators", f.machine_accelerators);
  TakeText(map, "cpu_features", f.cpu_features);
  TakeText(map, "shared_fs", f.shared_fs);
  TakeText(map, "virtiofsd", f.virtiofsd);
  TakeText(map, "virtiofs_cache", f.virtiofs_cache);
  TakeText(map, "image_device", f.image_device);
  TakeText(map, "image_fstype", f.image_fstype);
  SHOJI_RETURN_IF_ERROR(CheckValues(f));
  return f;
}

Status CheckFeatures(const Features& features, const sdk::VmConfig& config,
                     const std::string& machine) {
  if (features.virtio_fs()) SHOJI_RETURN_IF_ERROR(CheckVirtioFs(features, config));
  if (!features.user.empty() && !features.virtio_fs() && !config.shares.empty()) {
    return InvalidArgument("share \"" + config.shares[0].tag +
                           "\" over 9p is served by QEMU itself, which as user \"" + features.user +
                           "\" cannot act for the users of the containers; set "
                           "hypervisor.qemu.shared_fs to virtio-fs");
  }
  if (features.hugepages && !config.memory_path.empty()) {
    return InvalidArgument("memory_path \"" + config.memory_path +
                           "\" and hypervisor.qemu.hugepages exclude each other");
  }
  if (features.hugepages) SHOJI_RETURN_IF_ERROR(CheckHugePages(config.memory_bytes));
  if (!config.image.empty() && features.nvdimm() && machine.rfind("microvm", 0) == 0) {
    return InvalidArgument("machine \"" + machine +
                           "\" has no nvdimm; set hypervisor.qemu.image_device to virtio-blk");
  }
  return OkStatus();
}

bool HasSharedMemory(const Features& features, const sdk::VmConfig& config) {
  return features.virtio_fs() && config.memory_path.empty();
}

}  // namespace shoji::qemu

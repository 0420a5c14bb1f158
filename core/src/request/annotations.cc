#include "request/annotations.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <limits>

#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr std::string_view kKata = "io.katacontainers.";
constexpr std::string_view kOurs = "dev.shoji.";
constexpr std::int64_t kMaxVcpus = 4096;
constexpr std::int64_t kMaxMebibytes = std::int64_t{1} << 30U;
constexpr std::size_t kMaxText = 2048;

// What may stand in an annotation; empty: the value was taken.
using Refusal = std::string;

template <typename T>
void SetIfUnset(T value, const T& unset, T* field) {
  if (*field == unset) *field = std::move(value);
}

Refusal TakeVcpus(const std::string& value, SandboxConfig* config) {
  const std::string allowed = "a number from 1 to " + std::to_string(kMaxVcpus);
  const std::size_t point = std::min(value.find('.'), value.size());
  const auto whole = ParseInt(value.substr(0, point));
  const std::string fraction = value.substr(std::min(point + 1, value.size()));
  const bool digits = std::all_of(fraction.begin(), fraction.end(),
                                  [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!whole.ok() || *whole < 0 || !digits || (point < value.size() && fraction.empty())) {
    return allowed;
  }
  const bool more = fraction.find_first_not_of('0') != std::string::npos;
  const std::int64_t vcpus = *whole + (more ? 1 : 0);  // half a processor needs a whole one
  if (vcpus < 1 || vcpus > kMaxVcpus) return allowed;
  SetIfUnset(static_cast<std::uint32_t>(vcpus), 0U, &config->vcpus);
  return {};
}

Refusal TakeMebibytes(const std::string& value, SandboxConfig* config) {
  const auto mebibytes = ParseInt(value);
  if (!mebibytes.ok() || *mebibytes < 1 || *mebibytes > kMaxMebibytes) {
    return "a number of MiB, as 512";
  }
  SetIfUnset(static_cast<std::uint64_t>(*mebibytes) << 20U, std::uint64_t{0},
             &config->memory_bytes);
  return {};
}

Refusal TakeMemory(const std::string& value, SandboxConfig* config) {
  const auto bytes = ParseSize(value);
  if (!bytes.ok() || *bytes == 0) return "a size, as 512M or 2G";
  SetIfUnset(*bytes, std::uint64_t{0}, &config->memory_bytes);
  return {};
}

Refusal TakeShm(const std::string& value, SandboxConfig* config) {
  const auto bytes = ParseSize(value);
  if (!bytes.ok() || *bytes < 4096) return "a size of at least 4K, as 64M";
  SetIfUnset(*bytes, SandboxConfig().shm_size, &config->shm_size);
  return {};
}

Refusal TakePath(const std::string& value, std::string* field) {
  if (value.empty() || value[0] != '/' || value.find('\0') != std::string::npos) {
    return "an absolute path";
  }
  SetIfUnset(value, std::string(), field);
  return {};
}

Refusal TakeHash(const std::string& value, std::string* field) {
  const bool hex = std::all_of(value.begin(), value.end(),
                               [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (!hex || (value.size() != 64 && value.size() != 128)) {
    return "64 (SHA-256) or 128 (SHA-512) hexadecimal digits";
  }
  SetIfUnset(value, std::string(), field);
  return {};
}

Refusal TakeParams(const std::string& value, SandboxConfig* config) {
  const bool printable =
      std::all_of(value.begin(), value.end(), [](unsigned char c) { return c >= ' ' && c < 0x7f; });
  if (!printable || value.size() > kMaxText) return "up to 2048 printable characters";
  SetIfUnset(value, std::string(), &config->assets.kernel_params);
  return {};
}

Refusal TakeModel(const std::string& value, SandboxConfig* config) {
  const bool good = !value.empty() && value.size() <= 64 &&
                    std::all_of(value.begin(), value.end(), [](unsigned char c) {
                      return std::isalnum(c) != 0 || c == '-' || c == '_';
                    });
  if (!good) return "the id of a network plugin, as tcfilter or macvtap";
  SetIfUnset(value, std::string(), &config->network.model);
  return {};
}

Refusal TakeNoNetns(const std::string& value, SandboxConfig* config) {
  if (value != "true" && value != "false") return "true or false";
  if (value == "true") config->network.netns.clear();
  return {};
}

Refusal TakeSharedPids(const std::string& value, SandboxConfig* config) {
  if (value != "true" && value != "false") return "true or false";
  if (value == "true") config->shared_pid_namespace = true;
  return {};
}

Refusal TakeCgroup(const std::string& value, SandboxConfig* config) {
  return TakePath(value, &config->cgroup_parent);
}
Refusal TakeGuestHooks(const std::string& value, SandboxConfig* config) {
  return TakePath(value, &config->guest_hook_path);
}

template <std::string Assets::*kPath>
Refusal TakeAsset(const std::string& value, SandboxConfig* config) {
  return TakePath(value, &(config->assets.*kPath));
}
template <std::string Assets::*kHash>
Refusal TakeAssetHash(const std::string& value, SandboxConfig* config) {
  return TakeHash(value, &(config->assets.*kHash));
}

struct Setting {
  std::string_view name;
  Refusal (*take)(const std::string& value, SandboxConfig* config);
};

// Ours first: of two that say the same they win.
constexpr Setting kSettings[] = {
    {"dev.shoji.vcpus", TakeVcpus},
    {"dev.shoji.memory", TakeMemory},
    {"dev.shoji.shm_size", TakeShm},
    {"dev.shoji.kernel", TakeAsset<&Assets::kernel>},
    {"dev.shoji.kernel_hash", TakeAssetHash<&Assets::kernel_sha256>},
    {"dev.shoji.initrd", TakeAsset<&Assets::initrd>},
    {"dev.shoji.initrd_hash", TakeAssetHash<&Assets::initrd_sha256>},
    {"dev.shoji.image", TakeAsset<&Assets::image>},
    {"dev.shoji.image_hash", TakeAssetHash<&Assets::image_sha256>},
    {"dev.shoji.kernel_params", TakeParams},
    {"dev.shoji.guest_hook_path", TakeGuestHooks},
    {"dev.shoji.network_model", TakeModel},
    {"dev.shoji.cgroup_parent", TakeCgroup},
    {"dev.shoji.shared_pid_namespace", TakeSharedPids},
    {"io.katacontainers.config.hypervisor.default_vcpus", TakeVcpus},
    {"io.katacontainers.config.hypervisor.default_memory", TakeMebibytes},
    {"io.katacontainers.config.hypervisor.kernel", TakeAsset<&Assets::kernel>},
    {"io.katacontainers.config.hypervisor.kernel_hash", TakeAssetHash<&Assets::kernel_sha256>},
    {"io.katacontainers.config.hypervisor.initrd", TakeAsset<&Assets::initrd>},
    {"io.katacontainers.config.hypervisor.initrd_hash", TakeAssetHash<&Assets::initrd_sha256>},
    {"io.katacontainers.config.hypervisor.image", TakeAsset<&Assets::image>},
    {"io.katacontainers.config.hypervisor.image_hash", TakeAssetHash<&Assets::image_sha256>},
    {"io.katacontainers.config.hypervisor.kernel_params", TakeParams},
    {"io.katacontainers.config.hypervisor.guest_hook_path", TakeGuestHooks},
    {"io.katacontainers.config.runtime.internetworking_model", TakeModel},
    {"io.katacontainers.config.runtime.disable_new_netns", TakeNoNetns},
};

// Kata's that say something about the sandbox, but change none of its settings.
constexpr std::string_view kNoted[] = {
    "io.katacontainers.pkg.oci.bundle_path",
    "io.katacontainers.pkg.oci.container_type",
    "io.katacontainers.config.runtime.sandbox_cgroup_only",
};

constexpr std::string_view kPluginOptions = "io.katacontainers.config.hypervisor.";

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

Status CheckAllowed(const std::vector<std::string>& allowed, const std::string& name) {
  const bool ok = std::any_of(allowed.begin(), allowed.end(), [&](const std::string& pattern) {
    return MatchesPattern(pattern, name);
  });
  if (ok) return OkStatus();
  return PermissionDenied("annotation " + Quoted(name) +
                          " is not allowed here; add it to the option sandbox.annotations or "
                          "leave it out");
}

void WarnUnknown(const std::string& name, const std::function<void(const std::string&)>& warn) {
  if (std::find(std::begin(kNoted), std::end(kNoted), name) != std::end(kNoted)) return;
  // Only the last part is compared: all of them begin alike.
  const std::string start = name.substr(0, name.rfind('.') + 1);
  std::vector<std::string> known;
  for (const Setting& setting : kSettings) {
    if (StartsWith(setting.name, start)) known.emplace_back(setting.name.substr(start.size()));
  }
  const std::string near = Suggest(name.substr(start.size()), known);
  std::string text = "annotation " + Quoted(name) + " has no effect";
  if (!near.empty()) {
    text += "; did you mean " + start + near + "?";
  } else if (StartsWith(name, kPluginOptions)) {
    text += "; what the hypervisor plugin can be told is in its options";
  }
  warn(text);
}

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view name) {
  std::size_t star = std::string_view::npos;  // the last one, and what it has eaten up to
  std::size_t eaten = 0;
  std::size_t p = 0;
  for (std::size_t n = 0; n < name.size();) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      eaten = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++eaten;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Status ApplyAnnotations(const std::vector<std::string>& allowed, SandboxConfig* config,
                        const std::function<void(const std::string&)>& warn) {
  for (const Setting& setting : kSettings) {
    const auto it = config->annotations.find(std::string(setting.name));
    if (it == config->annotations.end()) continue;
    SHOJI_RETURN_IF_ERROR(CheckAllowed(allowed, it->first));
    const Refusal refusal = setting.take(it->second, config);
    if (refusal.empty()) continue;
    return InvalidArgument("annotation " + Quoted(it->first) + " is " + Quoted(it->second) +
                           ", not " + refusal);
  }
  for (const auto& [name, value] : config->annotations) {
    const bool ours = StartsWith(name, kKata) || StartsWith(name, kOurs);
    const auto known = [&, &key = name](const Setting& setting) { return setting.name == key; };
    if (ours && std::none_of(std::begin(kSettings), std::end(kSettings), known)) {
      WarnUnknown(name, warn);
    }
  }
  return OkStatus();
}

}  // namespace shoji

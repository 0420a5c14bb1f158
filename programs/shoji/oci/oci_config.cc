#include "oci/oci_config.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <vector>

#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

using nlohmann::json;

struct Namespaces {
  std::map<std::string, std::string> paths;  // type -> path, "" for a new one

  bool has(const char* type) const { return paths.count(type) != 0; }
  std::string path(const char* type) const {
    const auto it = paths.find(type);
    return it == paths.end() ? std::string() : it->second;
  }
};

Namespaces NamespacesOf(const Bundle& bundle) {
  Namespaces out;
  for (const json& each : Part(Part(bundle.spec, "linux"), "namespaces")) {
    out.paths.emplace(Member(each, "type", std::string()), Member(each, "path", std::string()));
  }
  return out;
}

// A namespace of the host can be joined by the VM's network alone.
Status CheckNamespaces(const Namespaces& namespaces) {
  if (!namespaces.has("network")) {
    return InvalidArgument(
        "linux.namespaces has no network namespace: a VM cannot use the network of the host; "
        "give the container one of its own (podman: --network=none or a bridge)");
  }
  for (const char* type : {"ipc", "uts", "pid", "user", "mount", "cgroup"}) {
    const std::string path = namespaces.path(type);
    if (path.empty()) continue;
    return InvalidArgument(std::string("linux.namespaces: ") + type + " namespace " + path +
                           " is one of the host, which a container in a VM cannot join; containers "
                           "of one pod share theirs");
  }
  return OkStatus();
}

// The size of a tmpfs on /dev/shm: "size=65536k".
std::uint64_t ShmSize(const Bundle& bundle, std::uint64_t fallback) {
  for (const json& mount : Part(bundle.spec, "mounts")) {
    if (Member(mount, "destination", std::string()) != "/dev/shm") continue;
    for (const std::string& option : Member(mount, "options", std::vector<std::string>())) {
      if (option.rfind("size=", 0) != 0) continue;
      const auto size = ParseSize(std::string_view(option).substr(5));
      if (size.ok() && *size >= 4096) return *size;
    }
  }
  return fallback;
}

// A name that the sandbox takes; the container has its own by the specification.
std::string HostnameOf(const Bundle& bundle) {
  constexpr std::size_t kMost = 63;
  const std::string name = Member(bundle.spec, "hostname", std::string());
  const bool good =
      name.size() <= kMost && std::all_of(name.begin(), name.end(), [](char c) {
        return isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
      });
  return good ? name : std::string();
}

// "a-b.slice" lies in "a.slice".
Result<std::string> SlicePath(const std::string& slice) {
  constexpr std::string_view kEnd = ".slice";
  const bool good = slice.size() > kEnd.size() && slice.find('/') == std::string::npos &&
                    slice.compare(slice.size() - kEnd.size(), kEnd.size(), kEnd) == 0;
  if (!good) {
    return InvalidArgument("linux.cgroupsPath: \"" + slice + "\" is not the name of a slice");
  }
  const std::string stem = slice.substr(0, slice.size() - kEnd.size());
  if (stem == "-") return std::string();
  std::string path;
  for (std::size_t dash = stem.find('-'); dash != std::string::npos;
       dash = stem.find('-', dash + 1)) {
    path += "/" + stem.substr(0, dash) + std::string(kEnd);
  }
  return path + "/" + slice;
}

bool SameNamespace(const std::string& one, const std::string& other) {
  struct stat first = {};
  struct stat second = {};
  if (stat(one.c_str(), &first) != 0 || stat(other.c_str(), &second) != 0) return true;
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

Result<std::string> CgroupPathOf(const std::string& cgroups_path) {
  if (cgroups_path.empty()) return std::string();
  const std::vector<std::string> parts = Split(cgroups_path, ':');
  if (parts.size() == 1) return cgroups_path[0] == '/' ? cgroups_path : "/" + cgroups_path;
  if (parts.size() != 3 || parts[2].empty()) {
    return InvalidArgument("linux.cgroupsPath \"" + cgroups_path +
                           "\" is neither a path nor slice:prefix:name");
  }
  SHOJI_ASSIGN_OR_RETURN(const std::string slice,
                         SlicePath(parts[0].empty() ? "system.slice" : parts[0]));
  return slice + "/" + (parts[1].empty() ? "" : parts[1] + "-") + parts[2] + ".scope";
}

ContainerConfig ContainerOfBundle(const Bundle& bundle, const std::string& id) {
  ContainerConfig out;
  out.id = id;
  out.bundle = bundle.dir;
  out.oci_spec = bundle.text;
  return out;
}

Result<SandboxConfig> SandboxOfBundle(const Bundle& bundle, const std::string& id, bool cgroups) {
  const Namespaces namespaces = NamespacesOf(bundle);
  SHOJI_RETURN_IF_ERROR(CheckNamespaces(namespaces));
  SandboxConfig out;
  out.id = id;
  out.hostname = HostnameOf(bundle);
  out.shm_size = ShmSize(bundle, out.shm_size);
  out.annotations = Member(bundle.spec, "annotations", std::map<std::string, std::string>());
  out.network.netns = namespaces.path("network");
  if (cgroups) {
    const json path = Part(Part(bundle.spec, "linux"), "cgroupsPath");
    SHOJI_ASSIGN_OR_RETURN(out.cgroup_parent,
                           CgroupPathOf(path.is_string() ? path.get<std::string>() : ""));
  }
  return out;
}

Status CheckJoins(const Bundle& bundle, const SandboxStatus& sandbox) {
  const std::string netns = NamespacesOf(bundle).path("network");
  if (netns.empty() || sandbox.netns.empty() || SameNamespace(netns, sandbox.netns)) {
    return OkStatus();
  }
  return InvalidArgument("linux.namespaces: network namespace " + netns +
                         " is not that of the pod, " + sandbox.netns +
                         "; containers of one VM share its network");
}

}  // namespace shoji::cli

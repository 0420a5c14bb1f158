#include "attach_options.h"

#include <limits.h>
#include <stdlib.h>

#include <cmath>
#include <map>

#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

constexpr double kPeriodUs = 100'000;
constexpr double kMaxCpus = 1024;

Result<std::string> AbsolutePath(const std::string& option, const std::string& path) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) != nullptr) return std::string(resolved);
  return NotFound(option + ": \"" + path + "\" does not exist");
}

// "type=block,source=IMG,target=/data,ro" -> {{"type", "block"}, ..., {"ro", ""}}
Result<std::map<std::string, std::string>> ParseFields(const std::string& word) {
  std::map<std::string, std::string> out;
  for (const std::string& field : Split(word, ',')) {
    const std::size_t equals = field.find('=');
    const std::string name = field.substr(0, equals);
    const bool known = name == "type" || name == "source" || name == "target" || name == "fstype" ||
                       name == "format" || name == "size" || name == "ro";
    if (!known) {
      return InvalidArgument("--mount \"" + word + "\": \"" + name +
                             "\" is not type, source, target, fstype, format, size or ro");
    }
    out[name] = equals == std::string::npos ? "" : field.substr(equals + 1);
  }
  return out;
}

Result<StorageInfo> StorageOf(const std::string& word,
                              const std::map<std::string, std::string>& fields) {
  const auto text = [&](const char* name) {
    const auto it = fields.find(name);
    return it == fields.end() ? std::string() : it->second;
  };
  StorageInfo out;
  out.read_only = fields.count("ro") != 0;
  if (text("type") == "memory") {
    out.kind = StorageInfo::Kind::kMemory;
    if (fields.count("size") == 0) return out;
    auto size = ParseSize(text("size"));
    if (!size.ok()) return size.status().WithContext("--mount " + word);
    out.size_bytes = *size;
    return out;
  }
  if (text("type") == "block") {
    out.kind = StorageInfo::Kind::kBlock;
  } else if (text("type") != "directory") {
    return InvalidArgument("--mount \"" + word + "\": type \"" + text("type") +
                           "\" is not block, directory or memory");
  }
  SHOJI_ASSIGN_OR_RETURN(out.source, AbsolutePath("--mount", text("source")));
  if (fields.count("fstype") != 0) out.fstype = text("fstype");
  if (fields.count("format") != 0) out.format = text("format");
  return out;
}

Status TakeMount(const std::string& word, SandboxConfig& sandbox, ContainerConfig& container) {
  SHOJI_ASSIGN_OR_RETURN(const auto fields, ParseFields(word));
  SHOJI_ASSIGN_OR_RETURN(StorageInfo storage, StorageOf(word, fields));
  const auto target = fields.find("target");
  if (target == fields.end() || target->second.empty() || target->second[0] != '/') {
    return InvalidArgument("--mount \"" + word + "\" has no target=/PATH");
  }
  storage.id = "mount" + std::to_string(sandbox.storages.size());
  container.mounts.push_back(
      {storage.id, target->second, "storage", {"rbind", storage.read_only ? "ro" : "rw"}});
  sandbox.storages.push_back(std::move(storage));
  return OkStatus();
}

Status TakeDevice(const std::string& word, SandboxConfig& sandbox, ContainerConfig& container) {
  const std::string id = "device" + std::to_string(sandbox.devices.size());
  SHOJI_ASSIGN_OR_RETURN(DeviceWord parsed, ParseDevice(word, id));
  sandbox.devices.push_back(std::move(parsed.device));
  container.devices.push_back(std::move(parsed.inside));
  return OkStatus();
}

}  // namespace

Result<DeviceWord> ParseDevice(const std::string& word, const std::string& id) {
  const std::vector<std::string> parts = Split(word, ':');
  if (parts.empty() || parts.size() > 3) {
    return InvalidArgument("--device \"" + word + "\" is not HOST[:GUEST[:rwm]]");
  }
  DeviceWord out;
  out.device.id = id;
  SHOJI_ASSIGN_OR_RETURN(out.device.host_path, AbsolutePath("--device", parts[0]));
  out.inside.device = id;
  out.inside.container_path = parts.size() > 1 ? parts[1] : out.device.host_path;
  if (out.inside.container_path.empty() || out.inside.container_path[0] != '/') {
    return InvalidArgument("--device \"" + word + "\": \"" + out.inside.container_path +
                           "\" is not an absolute path in the container");
  }
  if (parts.size() > 2) out.inside.permissions = parts[2];
  out.device.read_only = out.inside.permissions.find('w') == std::string::npos;
  return out;
}

Result<std::int64_t> ParseCpuQuota(const std::string& option, const std::string& text) {
  char* end = nullptr;
  const double cpus = strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(cpus >= 0.01) || cpus > kMaxCpus) {
    return InvalidArgument(option + " \"" + text + "\" is not a number from 0.01 to 1024");
  }
  return static_cast<std::int64_t>(std::llround(cpus * kPeriodUs));
}

void DescribeAttached(po::options_description& options) {
  options.add_options()                                                                      //
      ("device", po::value<std::vector<std::string>>()->value_name("HOST[:GUEST[:rwm]]"),    //
       "give the container a disk: a file or block device of the host; may be given again")  //
      ("mount", po::value<std::vector<std::string>>()->value_name("FIELDS"),                 //
       "type=block|directory|memory,source=PATH,target=PATH[,fstype=ext4][,format=raw]"      //
       "[,size=64M][,ro]: mount it in the VM and show it inside; may be given again")        //
      ("netns", po::value<std::string>()->value_name("PATH|NAME"),                           //
       "join this network namespace; none else");
}

Status TakeAttached(const Invocation& invocation, SandboxConfig& sandbox,
                    ContainerConfig& container) {
  for (const std::string& word : invocation.Texts("device")) {
    SHOJI_RETURN_IF_ERROR(TakeDevice(word, sandbox, container));
  }
  if (!container.oci_spec.empty() && invocation.Has("mount")) {
    return InvalidArgument("--mount cannot be given with --bundle; write it into config.json");
  }
  for (const std::string& word : invocation.Texts("mount")) {
    SHOJI_RETURN_IF_ERROR(TakeMount(word, sandbox, container));
  }
  const std::string netns = invocation.Text("netns");
  const bool is_name = !netns.empty() && netns.find('/') == std::string::npos;
  sandbox.network.netns = is_name ? "/run/netns/" + netns : netns;
  return OkStatus();
}

}  // namespace shoji::cli

#include "options.h"

#include <sys/stat.h>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::process {
namespace {

bool IsDirectory(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Status CheckShare(const sdk::VmShareConfig& share) {
  const std::string name = "share \"" + share.tag + "\"";
  if (!IsTag(share.tag)) return InvalidArgument(name + ": a tag is of [A-Za-z0-9_.-]{1,64}");
  if (share.host_path.empty() || share.host_path[0] != '/') {
    return InvalidArgument(name + ": host_path \"" + share.host_path + "\" is not absolute");
  }
  if (IsDirectory(share.host_path)) return OkStatus();
  return NotFound(name + ": directory " + share.host_path + " does not exist");
}

}  // namespace

Result<Options> ReadOptions(const sdk::Host& host, const sdk::OptionMap& map) {
  if (!map.GetBool("allow_insecure")) {
    return FailedPrecondition(
        "hypervisor \"process\" is no isolation boundary: there is no VM, the containers run on "
        "the host's own kernel, and whoever breaks it breaks the host; use it for development and "
        "tests only, and set hypervisor.process.allow_insecure = true to do so");
  }
  Options options{map.Get("agent"), map.GetBool("hybrid_vsock")};
  if (!options.agent.empty()) return options;
  SHOJI_ASSIGN_OR_RETURN(const std::string dir, host.Dir(SHOJI_DIR_LIBEXEC));
  options.agent = dir + "/shoji-process-agent";
  return options;
}

bool IsTag(std::string_view tag) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !tag.empty() && tag.size() <= 64 && tag != "." && tag != ".." &&
         tag.find_first_not_of(kAllowed) == std::string_view::npos;
}

Status CheckConfig(const sdk::VmConfig& config) {
  if (!IsDirectory(config.run_dir)) {
    return NotFound("run_dir " + config.run_dir + " of VM \"" + config.id + "\" does not exist");
  }
  if (!config.memory_path.empty()) {
    return Unimplemented(
        "memory_path: hypervisor \"process\" has no memory of a guest to keep in " +
        config.memory_path);
  }
  for (const sdk::VmShareConfig& share : config.shares) SHOJI_RETURN_IF_ERROR(CheckShare(share));
  return OkStatus();
}

std::vector<std::string> AgentWords(const std::string& kernel_params) {
  std::vector<std::string> words;
  for (const std::string& word : Split(kernel_params, ' ')) {
    if (word.rfind("agent.", 0) == 0) words.push_back(word);
  }
  return words;
}

}  // namespace shoji::process

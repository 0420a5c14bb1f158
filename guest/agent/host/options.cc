#include "host/options.h"

#include <limits>
#include <string_view>

#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

Status SetFd(std::string_view value, int* fd) {
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t number, ParseInt(value));
  if (number < 3 || number > 1 << 20) return InvalidArgument("no descriptor of ours");
  *fd = static_cast<int>(number);
  return OkStatus();
}

Status SetPort(std::string_view value, std::uint32_t* port) {
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t number, ParseInt(value));
  if (number < 1 || number >= std::numeric_limits<std::uint32_t>::max()) {
    return InvalidArgument("no port");
  }
  *port = static_cast<std::uint32_t>(number);
  return OkStatus();
}

Status SetPath(std::string_view value, std::string* path) {
  if (!value.starts_with("/")) return InvalidArgument("no absolute path");
  *path = value;
  return OkStatus();
}

Status AddShare(std::string_view value, bool read_only, std::vector<HostShare>* shares) {
  const std::size_t equals = value.find('=');
  if (equals == std::string_view::npos) return InvalidArgument("no TAG=PATH");
  HostShare share{std::string(value.substr(0, equals)), "", read_only};
  if (!IsTag(share.tag)) return InvalidArgument("no tag of [A-Za-z0-9_.-]{1,64}");
  SHOJI_RETURN_IF_ERROR(SetPath(value.substr(equals + 1), &share.path));
  shares->push_back(std::move(share));
  return OkStatus();
}

Status SetOption(std::string_view name, std::string_view value, HostOptions* options) {
  if (name == "--agent-fd") return SetFd(value, &options->agent_fd);
  if (name == "--agent-port") return SetPort(value, &options->agent_port);
  if (name == "--keeper-fd") return SetFd(value, &options->keeper_fd);
  if (name == "--report-fd") return SetFd(value, &options->report_fd);
  if (name == "--log") return SetPath(value, &options->log);
  if (name == "--cgroup") return SetPath(value, &options->cgroup);
  if (name == "--share") return AddShare(value, false, &options->shares);
  if (name == "--share-ro") return AddShare(value, true, &options->shares);
  if (name != "--hostname") return InvalidArgument("no option of this program");
  options->hostname = value;
  return OkStatus();
}

}  // namespace

bool IsTag(const std::string& tag) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !tag.empty() && tag.size() <= 64 && tag != "." && tag != ".." &&
         tag.find_first_not_of(kAllowed) == std::string::npos;
}

Result<HostOptions> ParseHostOptions(const std::vector<std::string>& args) {
  HostOptions options;
  for (const std::string& arg : args) {
    if (!arg.starts_with("--")) {
      options.words += arg + " ";
      continue;
    }
    const std::size_t equals = arg.find('=');
    const std::string value = equals == std::string::npos ? "" : arg.substr(equals + 1);
    const Status set = SetOption(arg.substr(0, equals), value, &options);
    if (!set.ok()) return InvalidArgument(arg + ": " + set.message());
  }
  if (options.agent_fd < 0 || options.keeper_fd < 0 || options.report_fd < 0) {
    return InvalidArgument(
        "--agent-fd, --keeper-fd and --report-fd are needed; this program is started by the "
        "hypervisor plugin \"process\"");
  }
  return options;
}

}  // namespace shoji::agent

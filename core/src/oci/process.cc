#include "oci/process.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace shoji {
namespace {

using nlohmann::json;

constexpr std::uint64_t kOpenFiles = 1048576;
constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// What engines give a process by default.
const std::vector<std::string>& DefaultCapabilities() {
  static const std::vector<std::string> kList = {
      "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
      "CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",   "CAP_SETGID",
      "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};
  return kList;
}

std::string NameOf(const std::string& variable) { return variable.substr(0, variable.find('=')); }

void AddUnlessSet(std::vector<std::string>& envs, const std::string& variable) {
  const std::string name = NameOf(variable);
  const bool set = std::any_of(envs.begin(), envs.end(),
                               [&](const std::string& env) { return NameOf(env) == name; });
  if (!set) envs.push_back(variable);
}

json CapabilitySets(const Capabilities& sets) {
  return {{"bounding", sets.bounding},
          {"effective", sets.effective},
          {"inheritable", sets.inheritable},
          {"permitted", sets.permitted},
          {"ambient", sets.ambient}};
}

// A user other than root gets a bound only: it becomes privileged by set-uid programs alone.
Capabilities DefaultSets(const User& user) {
  Capabilities sets;
  sets.bounding = DefaultCapabilities();
  if (user.uid == 0) {
    sets.effective = sets.bounding;
    sets.permitted = sets.bounding;
  }
  return sets;
}

}  // namespace

std::vector<std::string> WithDefaultEnv(std::vector<std::string> envs, bool terminal,
                                        const User& user, const std::string& hostname) {
  AddUnlessSet(envs, kPath);
  if (terminal) AddUnlessSet(envs, "TERM=xterm");
  AddUnlessSet(envs, "HOSTNAME=" + hostname);
  AddUnlessSet(envs, "HOME=" + user.home);
  return envs;
}

std::vector<std::string> OverlayEnv(std::vector<std::string> base,
                                    const std::vector<std::string>& over) {
  for (const std::string& variable : over) {
    const auto same = std::find_if(base.begin(), base.end(), [&](const std::string& env) {
      return NameOf(env) == NameOf(variable);
    });
    if (same == base.end()) {
      base.push_back(variable);
    } else {
      *same = variable;
    }
  }
  return base;
}

void EditProcess(json& process) {
  process.erase("selinuxLabel");
  process.erase("apparmorProfile");
}

json ProcessObject(const Cmd& cmd, const User& user, const std::vector<std::string>& env) {
  json out = {{"terminal", cmd.terminal},
              {"user", {{"uid", user.uid}, {"gid", user.gid}}},
              {"args", cmd.args},
              {"env", env},
              {"cwd", cmd.work_dir.empty() ? "/" : cmd.work_dir},
              {"capabilities", CapabilitySets(cmd.capabilities.value_or(DefaultSets(user)))},
              {"noNewPrivileges", cmd.no_new_privileges}};
  out["rlimits"] =
      json::array({{{"type", "RLIMIT_NOFILE"}, {"hard", kOpenFiles}, {"soft", kOpenFiles}}});
  if (!user.groups.empty()) out["user"]["additionalGids"] = user.groups;
  if (cmd.terminal && cmd.rows > 0 && cmd.columns > 0) {
    out["consoleSize"] = {{"height", cmd.rows}, {"width", cmd.columns}};
  }
  return out;
}

}  // namespace shoji

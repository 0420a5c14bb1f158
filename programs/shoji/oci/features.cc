// shoji features: what of the OCI specification is there, as JSON (for engines).
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "oci/engine.h"
#include "oci/engine_log.h"

namespace shoji::cli {
namespace {

using nlohmann::ordered_json;

void DescribeNothing(boost::program_options::options_description& /*options*/) {}

ordered_json Linux() {
  return {{"namespaces", {"cgroup", "ipc", "mount", "network", "pid", "uts"}},
          {"cgroup", {{"v1", true}, {"v2", true}, {"systemd", false}, {"systemdUser", false}}},
          {"seccomp",
           {{"enabled", true},
            {"actions",
             {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
              "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"}},
            {"operators",
             {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE",
              "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"}}}},
          {"apparmor", {{"enabled", false}}},
          {"selinux", {{"enabled", false}}}};
}

int RunFeatures(const Invocation& invocation) {
  if (!invocation.words.empty()) {
    return FailEngine(invocation, InvalidArgument("shoji features takes no words"));
  }
  const ordered_json out = {
      {"ociVersionMin", "1.0.0"},
      {"ociVersionMax", kOciVersion},
      {"hooks",
       {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}},
      {"mountOptions",
       {"async",  "atime",   "bind",  "defaults",    "dev",     "diratime",   "dirsync",
        "exec",   "noatime", "nodev", "nodiratime",  "noexec",  "norelatime", "nostrictatime",
        "nosuid", "private", "rbind", "relatime",    "remount", "ro",         "rprivate",
        "rslave", "rw",      "slave", "strictatime", "suid",    "sync"}},
      {"linux", Linux()}};
  puts(out.dump(2).c_str());
  return 0;
}

}  // namespace

const Command kFeatures = {"features",
                           "",
                           "Print what of the OCI specification is there.",
                           DescribeNothing,
                           RunFeatures,
                           false,
                           CommandGroup::kEngines};

}  // namespace shoji::cli

// shoji spec: a config.json to begin with.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "oci/engine.h"
#include "oci/engine_log.h"
#include "shoji/base/file.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;
using nlohmann::ordered_json;

void DescribeSpec(po::options_description& options) {
  options.add_options()                                                                     //
      ("bundle,b", po::value<std::string>()->value_name("DIR"), "directory of the bundle")  //
      ("file,f", po::value<std::string>()->value_name("FILE"), "another name")              //
      ("rootless", "the same: inside a VM everybody has a root of their own");
}

ordered_json Process() {
  const ordered_json capabilities = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  return {
      {"terminal", true},
      {"user", {{"uid", 0}, {"gid", 0}}},
      {"args", {"sh"}},
      {"env", {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"}},
      {"cwd", "/"},
      {"capabilities",
       {{"bounding", capabilities},
        {"effective", capabilities},
        {"inheritable", ordered_json::array()},
        {"permitted", capabilities},
        {"ambient", ordered_json::array()}}},
      {"rlimits", {{{"type", "RLIMIT_NOFILE"}, {"hard", 1024}, {"soft", 1024}}}},
      {"noNewPrivileges", true}};
}

ordered_json Mount(const char* where, const char* type, const char* source,
                   std::vector<std::string> options) {
  ordered_json out = {{"destination", where}, {"type", type}, {"source", source}};
  if (!options.empty()) out["options"] = std::move(options);
  return out;
}

ordered_json Mounts() {
  return {
      Mount("/proc", "proc", "proc", {}),
      Mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      Mount("/dev/pts", "devpts", "devpts",
            {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      Mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      Mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      Mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
      Mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"})};
}

ordered_json Linux() {
  ordered_json namespaces = ordered_json::array();
  for (const char* type : {"pid", "network", "ipc", "uts", "mount", "cgroup"}) {
    namespaces.push_back({{"type", type}});
  }
  return {{"resources", {{"devices", {{{"allow", false}, {"access", "rwm"}}}}}},
          {"namespaces", std::move(namespaces)},
          {"maskedPaths",
           {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
            "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",
            "/proc/scsi"}},
          {"readonlyPaths",
           {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}}};
}

Status WriteSpec(const Invocation& invocation) {
  if (!invocation.words.empty()) return InvalidArgument("shoji spec takes no words");
  std::string file = invocation.Has("file") ? invocation.Text("file") : "config.json";
  if (invocation.Has("bundle") && file[0] != '/') file = invocation.Text("bundle") + "/" + file;
  if (PathExists(file)) return AlreadyExists("file " + file + " exists; remove it first");
  const ordered_json spec = {{"ociVersion", kOciVersion},
                             {"process", Process()},
                             {"root", {{"path", "rootfs"}, {"readonly", true}}},
                             {"hostname", "shoji"},
                             {"mounts", Mounts()},
                             {"linux", Linux()}};
  return WriteFile(file, spec.dump(2) + "\n");
}

int RunSpec(const Invocation& invocation) {
  const Status written = WriteSpec(invocation);
  return written.ok() ? 0 : FailEngine(invocation, written);
}

}  // namespace

const Command kSpec = {"spec",
                       "",
                       "Write a config.json to begin with.",
                       DescribeSpec,
                       RunSpec,
                       false,
                       CommandGroup::kEngines};

}  // namespace shoji::cli

#include "gc/traces.h"

#include <sys/stat.h>

#include "host/host_cgroup.h"
#include "host/mount.h"
#include "sandbox/held.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxNote = 8192;

std::vector<std::string> SocketsIn(const std::string& dir) {
  std::vector<std::string> out;
  const auto names = ListDir(dir);
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    struct stat info = {};
    const std::string path = dir + "/" + name;
    if (lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) out.push_back(path);
  }
  return out;
}

// The record's, or that of a maker who was killed before there was a record. Also one that is gone
// already when the parent that was made for it is not.
std::string CgroupOf(const SandboxPaths& paths, const std::string& recorded) {
  const auto text = ReadFile(paths.cgroup, kMaxNote);
  const CgroupNote note = text.ok() ? CgroupNote::Parse(*text) : CgroupNote();
  const std::string& group = recorded.empty() ? note.group : recorded;
  if (group.empty() || !ValidateCgroupParent(group).ok()) return {};
  const auto host = CgroupHost::Find();
  if (!host.ok()) return {};
  const bool parent = !note.new_parent.empty() && host->Exists(note.new_parent);
  return parent || host->Exists(group) ? group : std::string();
}

}  // namespace

Traces Traces::Of(const SandboxPaths& paths, const std::string& cgroup, const Marked& marked) {
  Traces out;
  for (const std::string& mark : MarksOf(paths)) {
    const auto it = marked.find(mark);
    if (it == marked.end()) continue;
    out.processes.insert(out.processes.end(), it->second.begin(), it->second.end());
  }
  if (auto mounts = MountsBelow(paths.dir); mounts.ok()) out.mounts = std::move(*mounts);
  for (const std::string& dir : {paths.vm, paths.proxy}) {
    for (std::string& socket : SocketsIn(dir)) out.sockets.push_back(std::move(socket));
  }
  if (PathExists(paths.network)) out.network = paths.network;
  out.cgroup = CgroupOf(paths, cgroup);
  return out;
}

std::map<std::string, std::string> CgroupsBelow(const std::string& root,
                                                const std::string& parent) {
  std::map<std::string, std::string> out;
  const auto host = CgroupHost::Find();
  if (parent.empty() || !host.ok()) return out;
  std::string base = parent;
  while (!base.empty() && base.back() == '/') base.pop_back();
  for (const std::string& name : host->Children(parent)) {
    const std::string group = base + "/" + name;
    if (std::string id = SandboxOfCgroup(root, group); !id.empty()) out[std::move(id)] = group;
  }
  return out;
}

Status RemoveHostCgroup(const std::string& group, const std::string& file) {
  SHOJI_ASSIGN_OR_RETURN(const CgroupHost host, CgroupHost::Find());
  const auto text = ReadFile(file, kMaxNote);
  SHOJI_RETURN_IF_ERROR(host.Remove(group));
  const std::string parent = text.ok() ? CgroupNote::Parse(*text).new_parent : std::string();
  if (!parent.empty() && ValidateCgroupParent(parent).ok()) host.RemoveIfEmpty(parent);
  return RemoveFile(file);
}

}  // namespace shoji

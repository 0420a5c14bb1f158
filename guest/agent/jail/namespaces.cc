#include "jail/namespaces.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "jail/ids.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji::jail {
namespace {

struct Kind {
  std::string_view type;
  int flag;
  bool by_default;  // fresh although the specification does not name it
};

constexpr std::array<Kind, 7> kKinds = {{{"mount", CLONE_NEWNS, true},
                                         {"pid", CLONE_NEWPID, true},
                                         {"ipc", CLONE_NEWIPC, true},
                                         {"uts", CLONE_NEWUTS, true},
                                         {"cgroup", CLONE_NEWCGROUP, true},
                                         {"network", CLONE_NEWNET, false},
                                         {"user", CLONE_NEWUSER, false}}};

struct Choice {
  bool named = false;
  std::string path;
};
using Choices = std::array<Choice, kKinds.size()>;

Result<Choices> Choose(const grpc::Spec& spec, const Environment& environment) {
  Choices choices;
  choices[1].path = environment.pid_ns;
  choices[2].path = environment.ipc_ns;
  choices[3].path = environment.uts_ns;
  for (const grpc::LinuxNamespace& ns : spec.linux().namespaces()) {
    std::size_t i = 0;
    while (i < kKinds.size() && kKinds[i].type != ns.type()) ++i;
    if (ns.type() == "time")
      return InvalidArgument("linux.namespaces: time namespaces are not supported");
    if (i == kKinds.size())
      return InvalidArgument("linux.namespaces: \"" + ns.type() + "\" is not a namespace");
    if (choices[i].named)
      return InvalidArgument("linux.namespaces: \"" + ns.type() + "\" is given twice");
    choices[i].named = true;
    if (!ns.path().empty()) choices[i].path = ns.path();
  }
  return choices;
}

Result<UniqueFd> OpenNamespace(const Kind& kind, const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return ErrnoStatus(errno, "linux.namespaces: cannot open the " + std::string(kind.type) +
                                  " namespace \"" + path + "\"");
  }
  return fd;
}

// To join the user namespace one is in already is an error to the kernel, not to us.
bool IsOwn(const UniqueFd& fd) {
  struct stat own {};
  struct stat other {};
  return stat("/proc/self/ns/user", &own) == 0 && fstat(fd.get(), &other) == 0 &&
         own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

Status Join(const Kind& kind, const std::string& path, NamespacePlan* plan) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, OpenNamespace(kind, path));
  if (kind.flag == CLONE_NEWPID) {
    plan->pid_ns = std::move(fd);
  } else if (kind.flag == CLONE_NEWUSER) {
    if (!IsOwn(fd)) plan->user_ns = std::move(fd);
  } else {
    if (kind.flag == CLONE_NEWNS) plan->joined_mounts = true;
    plan->joined.push_back({kind.flag, path, std::move(fd)});
  }
  return OkStatus();
}

void Unshare(int flag, NamespacePlan* plan) {
  if (flag == CLONE_NEWCGROUP) {
    plan->own_cgroup = true;
    return;
  }
  if (flag == CLONE_NEWUTS) plan->own_uts = true;
  if (flag == CLONE_NEWNET) plan->own_net = true;
  plan->fresh |= static_cast<unsigned>(flag);
}

template <typename Mappings>
std::string MapText(const Mappings& mappings) {
  std::string text;
  for (const grpc::LinuxIDMapping& mapping : mappings) {
    text += std::to_string(mapping.containerid()) + " " + std::to_string(mapping.hostid()) + " " +
            std::to_string(mapping.size()) + "\n";
  }
  return text;
}

Status AddIdMaps(const grpc::Spec& spec, NamespacePlan* plan) {
  if ((plan->fresh & CLONE_NEWUSER) == 0) return OkStatus();
  plan->uid_map = MapText(spec.linux().uidmappings());
  plan->gid_map = MapText(spec.linux().gidmappings());
  if (!plan->uid_map.empty() && !plan->gid_map.empty()) return OkStatus();
  return InvalidArgument(
      "linux.namespaces has a user namespace but linux.uidMappings or gidMappings is empty");
}

}  // namespace

Result<NamespacePlan> MakeNamespacePlan(const grpc::Spec& spec, const Environment& environment) {
  SHOJI_ASSIGN_OR_RETURN(const Choices choices, Choose(spec, environment));
  NamespacePlan plan;
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (!choices[i].path.empty()) {
      SHOJI_RETURN_IF_ERROR(Join(kKinds[i], choices[i].path, &plan));
    } else if (choices[i].named || kKinds[i].by_default) {
      Unshare(kKinds[i].flag, &plan);
    }
  }
  SHOJI_RETURN_IF_ERROR(AddIdMaps(spec, &plan));
  return plan;
}

Status JoinNamespaces(const NamespacePlan& plan) {
  for (const JoinedNamespace& ns : plan.joined) {
    if (setns(ns.fd.get(), ns.kind) < 0)
      return ErrnoStatus(errno, "linux.namespaces: cannot join \"" + ns.path + "\"");
  }
  return OkStatus();
}

Status EnterAll(const NamespacePlan& plan) {
  if (plan.pid_ns && setns(plan.pid_ns.get(), CLONE_NEWPID) < 0)
    return ErrnoStatus(errno, "linux.namespaces: cannot join the pid namespace");
  SHOJI_RETURN_IF_ERROR(JoinNamespaces(plan));
  if (plan.user_ns && setns(plan.user_ns.get(), CLONE_NEWUSER) < 0)
    return ErrnoStatus(errno, "linux.namespaces: cannot join the user namespace");
  return OkStatus();
}

Status WriteIdMaps(const NamespacePlan& plan, pid_t child) {
  const std::string dir = "/proc/" + std::to_string(child);
  Status status = WriteFile(dir + "/uid_map", plan.uid_map);
  if (!status.ok()) return std::move(status).WithContext("linux.uidMappings");
  return WriteFile(dir + "/gid_map", plan.gid_map).WithContext("linux.gidMappings");
}

Status BecomeRootInside() {
  if (!SetGroups({}) || !SetGid(0) || !SetUid(0))
    return ErrnoStatus(errno, "cannot become root of the user namespace; map its id 0");
  return OkStatus();
}

Status RaiseLoopback() {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (!fd || ioctl(fd.get(), SIOCSIFFLAGS, &request) < 0)
    return ErrnoStatus(errno, "cannot raise the loopback interface of the container");
  return OkStatus();
}

}  // namespace shoji::jail

// Which namespaces a container gets of its own and which it shares.
//
// Purpose  Mount, pid, ipc, uts and cgroup are its own unless a path says otherwise: the
//          specification's path first, then the sandbox's (Environment). The network is the
//          sandbox's unless the specification names it; users too.
// Threads  Making a plan is pure but for the files it opens; Join changes the caller.
// Example  SHOJI_ASSIGN_OR_RETURN(NamespacePlan plan, MakeNamespacePlan(spec, environment));
#ifndef SHOJI_GUEST_AGENT_JAIL_NAMESPACES_H_
#define SHOJI_GUEST_AGENT_JAIL_NAMESPACES_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "jail/container.h"
#include "shoji-kata/oci.pb.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

struct JoinedNamespace {
  int kind = 0;  // CLONE_NEW...
  std::string path;
  UniqueFd fd;
};

struct NamespacePlan {
  std::uint64_t fresh = 0;              // for clone3; CLONE_NEWCGROUP comes later
  UniqueFd pid_ns;                      // joined by being cloned into it
  UniqueFd user_ns;                     // joined before the fresh ones are made: it owns them
  std::vector<JoinedNamespace> joined;  // by the child itself
  bool own_cgroup = false;
  bool own_uts = false;
  bool own_net = false;
  bool joined_mounts = false;  // another's mounts: nothing is mounted and no root entered
  // Ids are mapped: the child begins as nobody there.
  bool has_users() const { return !uid_map.empty() || user_ns; }
  std::string uid_map;  // as /proc/PID/uid_map wants them; empty: no user namespace
  std::string gid_map;
};

Result<NamespacePlan> MakeNamespacePlan(const grpc::Spec& spec, const Environment& environment);

// In the child: joins what is to be joined, but for users and processes.
Status JoinNamespaces(const NamespacePlan& plan);

// All of them, users last: only who is not among other users yet may join what the guest owns.
Status EnterAll(const NamespacePlan& plan);

// In the agent: gives the child's new user namespace its ids.
Status WriteIdMaps(const NamespacePlan& plan, pid_t child);

// In the child, once the ids are mapped: becomes root of the user namespace.
Status BecomeRootInside();

// A network namespace of one's own begins with its loopback interface down.
Status RaiseLoopback();

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_NAMESPACES_H_

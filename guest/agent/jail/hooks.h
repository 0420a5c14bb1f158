// The hooks of a specification: programs run at set moments of a container's life.
//
// Purpose  prestart, createRuntime, poststart and poststop run as the agent does;
//          createContainer in the container's namespaces but before its root is the root;
//          startContainer in the container, as its user. Each gets the state as JSON on stdin.
//          (The hooks of a specification that came over the wire are the guest's: the host
//          takes its own out before.)
// Threads  The caller's, which waits for each hook.
// Example  SHOJI_RETURN_IF_ERROR(RunHooks("prestart", hooks.prestart, StateText(...)));
#ifndef SHOJI_GUEST_AGENT_JAIL_HOOKS_H_
#define SHOJI_GUEST_AGENT_JAIL_HOOKS_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "shoji-kata/oci.pb.h"
#include "shoji/status.h"

namespace shoji::jail {

struct HookPlan {
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::chrono::seconds timeout{0};
};
using HookList = std::vector<HookPlan>;

struct Hooks {
  HookList prestart;
  HookList create_runtime;
  HookList create_container;
  HookList start_container;
  HookList poststart;
  HookList poststop;
  // What every state says the same.
  std::string id;
  std::string bundle;
  std::string annotations;  // JSON object

  bool before_pivot() const {
    return !prestart.empty() || !create_runtime.empty() || !create_container.empty();
  }
};

// A hook that names no timeout, or a longer one, is killed after this long: the agent waits.
inline constexpr std::chrono::seconds kLongestHook{60};

// INVALID_ARGUMENT names the hook whose path is not absolute or whose timeout is negative.
Result<Hooks> MakeHooks(const std::string& id, const grpc::Spec& spec);

// The state of the container as the specification's JSON; pid 0: it has none.
std::string StateText(const Hooks& hooks, const std::string& status, pid_t pid);

// In order, until one fails: the message has its kind, its path and its own words.
Status RunHooks(const char* kind, const HookList& hooks, const std::string& state);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_HOOKS_H_

// Guest hooks: programs of the guest's image that run for each container.
//
// Purpose  DIR/prestart, DIR/poststart and DIR/poststop are read once, when the sandbox is made;
//          every executable file there runs in order of names, with the container's state (OCI's
//          JSON) on stdin, as "NAME KIND". Hooks in a container's specification are the host's:
//          they are not run here.
// Threads  The loop's.
// Example
//     SHOJI_ASSIGN_OR_RETURN(const GuestHooks hooks, FindGuestHooks("/usr/share/oci/hooks"));
//     runner.Run(hooks.prestart, state, [](const Status& first_failure) { ... });
#ifndef SHOJI_GUEST_AGENT_SERVICE_HOOKS_H_
#define SHOJI_GUEST_AGENT_SERVICE_HOOKS_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "service/reaper.h"
#include "shoji-kata/oci.pb.h"
#include "shoji/status.h"

namespace shoji::agent {

struct GuestHooks {
  std::vector<std::string> prestart;
  std::vector<std::string> poststart;
  std::vector<std::string> poststop;
};

// A directory that is missing has no hooks; so has the empty path.
Result<GuestHooks> FindGuestHooks(const std::string& dir);

// OCI's state of a container; `pid` 0: it has no process.
std::string StateJson(const std::string& id, const std::string& status, int pid,
                      const grpc::Spec& spec);

class HookRunner {
 public:
  using Done = std::function<void(const Status&)>;
  // A hook that takes longer is killed, and has failed.
  static constexpr std::chrono::seconds kLimit{60};

  HookRunner(Loop* loop, Reaper* reaper, std::chrono::nanoseconds limit = kLimit)
      : loop_(loop), reaper_(reaper), limit_(limit) {}

  // One after another, until one fails; `done` gets the failure with the hook's own words. At
  // once when there is none.
  void Run(const std::vector<std::string>& hooks, const std::string& state, Done done);
  // As Run(), but failures are only logged and the rest is run.
  void RunAll(const std::vector<std::string>& hooks, const std::string& state, Done done);

 private:
  Loop* loop_;
  Reaper* reaper_;
  std::chrono::nanoseconds limit_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_HOOKS_H_

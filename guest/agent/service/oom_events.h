// Who ran out of memory: GetOOMEvent.
//
// Purpose  Watches the memory.events file of each container's cgroup. An event goes to one
//          caller; when nobody asks it is kept, once per container.
// Threads  The loop's.
// Example  oom.Watch("web", "/sys/fs/cgroup/web");  ... oom.Next(call);
#ifndef SHOJI_GUEST_AGENT_SERVICE_OOM_EVENTS_H_
#define SHOJI_GUEST_AGENT_SERVICE_OOM_EVENTS_H_

#include <cstdint>
#include <list>
#include <map>
#include <string>

#include "loop/loop.h"
#include "rpc/call.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

class OomEvents {
 public:
  explicit OomEvents(Loop* loop) : loop_(loop) {}
  ~OomEvents();
  OomEvents(const OomEvents&) = delete;
  OomEvents& operator=(const OomEvents&) = delete;

  // FAILED_PRECONDITION when the kernel counts no memory for the group.
  Status Watch(const std::string& id, const std::string& cgroup);
  // What happened up to now is still told.
  void Unwatch(const std::string& id);

  // Answers with the next event; waits for one.
  void Next(const CallPtr& call);

 private:
  struct Watched {
    int watch = -1;
    std::string file;
    std::uint64_t kills = 0;
  };
  Status Open();
  void OnEvents();
  void Look(const std::string& id, Watched* watched);
  void Tell(const std::string& id);

  Loop* loop_;
  UniqueFd inotify_;
  std::map<std::string, Watched> watched_;
  std::list<std::string> untold_;
  std::list<CallPtr> callers_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_OOM_EVENTS_H_

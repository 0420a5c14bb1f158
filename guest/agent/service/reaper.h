// Collects every child that ends, ours or an orphan's that fell to us.
//
// Threads  The loop's.
// Example  reaper->Expect(pid, [](int status) { ... });
#ifndef SHOJI_GUEST_AGENT_SERVICE_REAPER_H_
#define SHOJI_GUEST_AGENT_SERVICE_REAPER_H_

#include <sys/types.h>

#include <functional>
#include <list>
#include <memory>
#include <unordered_map>

#include "loop/loop.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

class Reaper {
 public:
  // Exit code as a shell says it: 128 + n for the end by signal n.
  using OnExit = std::function<void(int exit_code)>;

  // Takes SIGCHLD, SIGTERM and SIGINT for the whole process; makes it the reaper of its
  // descendants. `on_terminate` runs for SIGTERM and SIGINT.
  static Result<std::unique_ptr<Reaper>> Create(Loop* loop, std::function<void()> on_terminate);
  ~Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  // A child that ended since Reserve() is told at once.
  void Expect(pid_t pid, OnExit on_exit);
  // Keeps the end of a child that somebody will expect.
  void Reserve(pid_t pid) { expected_[pid] = nullptr; }
  void Forget(pid_t pid);
  // Runs once after the next children were reaped.
  void AfterNext(std::function<void()> task) { after_next_.push_back(std::move(task)); }
  // Reaps now what has ended already.
  void Reap();

 private:
  Reaper(Loop* loop, UniqueFd signals, std::function<void()> on_terminate);
  void OnSignals();

  Loop* loop_;
  UniqueFd signals_;
  std::function<void()> on_terminate_;
  std::unordered_map<pid_t, OnExit> expected_;
  std::unordered_map<pid_t, int> early_;  // ends of those reserved
  std::list<std::function<void()>> after_next_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_REAPER_H_

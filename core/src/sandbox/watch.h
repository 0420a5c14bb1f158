// Watches one sandbox for all monitors that this process has of it.
//
// Purpose  Turns into events what the kernel and the guest tell by themselves: the end of the
//          VM (its wait_fd), a change of the record (inotify on the sandbox' lock, which every
//          change closes), the end of each init process and each container that ran out of
//          memory (calls to the agent that block, a thread for each).
// Threads  Safe. Its own threads end with it.
// Life     Holds the sandbox' object, as a handle of the user would.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto watch, SandboxWatch::Start(object));
//     watch->Add(queue);
#ifndef SHOJI_CORE_SANDBOX_WATCH_H_
#define SHOJI_CORE_SANDBOX_WATCH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/cancel_event.h"
#include "host/event_queue.h"
#include "sandbox/object.h"
#include "shoji/base/deadline.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"

namespace shoji {

class SandboxWatch {
 public:
  static Result<std::shared_ptr<SandboxWatch>> Start(std::shared_ptr<SandboxObject> object);
  ~SandboxWatch();
  SandboxWatch(const SandboxWatch&) = delete;
  SandboxWatch& operator=(const SandboxWatch&) = delete;

  // From now on `queue` gets every event, and at once what is the case already.
  void Add(const std::shared_ptr<EventQueue>& queue) SHOJI_EXCLUDES(mutex_);
  // Cancels all monitors: the sandbox is no longer ours.
  void Close() SHOJI_EXCLUDES(mutex_);
  // Nothing comes any more.
  bool over() SHOJI_EXCLUDES(mutex_);

 private:
  using Kind = SandboxEvent::Kind;
  // A run of a container: its id and when it was started. An empty id: the guest's memory.
  using Key = std::pair<std::string, std::int64_t>;
  enum class Outcome { kTold, kAgain, kLost };
  // A thread in a call to the agent.
  struct Waiter {
    std::shared_ptr<CancelEvent> cancel;
    std::thread thread;
  };
  struct Report {
    Key key;
    Outcome outcome = Outcome::kTold;
    std::string text;
  };

  explicit SandboxWatch(std::shared_ptr<SandboxObject> object) : object_(std::move(object)) {}
  Status Open();
  Status WatchLock();

  // -- On the thread of the watch.
  void Run();
  bool Wait();  // false: to end
  void Look();
  void Arm(const SandboxRecord& record);
  void ArmOne(const SandboxRecord& record, const Key& key);
  void TakeReports();
  // What is pending is told when no change is under way that explains it.
  void TellPending();
  bool Busy() const;
  bool IsOver(const Result<SandboxRecord>& record) const;
  Result<SandboxRecord> Load() const;
  std::string LastWords(const SandboxRecord& record);

  // -- On threads of their own.
  void WaitContainer(std::shared_ptr<Link> link, const Key& key, const CancelEvent& cancel);
  void ReadOom(std::shared_ptr<Link> link, const Key& key, const CancelEvent& cancel);
  Report ReportOf(const Key& key, const Status& status, const Link& link) const;
  void Finish(Report report) SHOJI_EXCLUDES(mutex_);
  bool Knows(const std::string& container_id) SHOJI_EXCLUDES(mutex_);

  void Emit(SandboxEvent event) SHOJI_EXCLUDES(mutex_);

  const std::shared_ptr<SandboxObject> object_;
  std::uint64_t boot_ = 0;
  UniqueFd vm_end_;
  UniqueFd changes_;  // inotify
  CancelEvent stop_;
  CancelEvent kick_;

  // Of the thread of the watch.
  std::map<Key, Waiter> waiters_;
  std::set<Key> told_;
  bool vm_ended_ = false;
  bool vm_told_ = false;
  bool lost_told_ = false;
  std::optional<std::string> lost_;  // why, not told yet
  Deadline patience_;                // never: nothing is pending

  Mutex arming_;  // held while a way to the guest is made: after Close() there is none
  Mutex mutex_;
  std::vector<std::weak_ptr<EventQueue>> queues_ SHOJI_GUARDED_BY(mutex_);
  std::vector<SandboxEvent> standing_ SHOJI_GUARDED_BY(mutex_);  // for those that come later
  std::vector<Report> reports_ SHOJI_GUARDED_BY(mutex_);
  std::set<std::string> containers_ SHOJI_GUARDED_BY(mutex_);
  bool over_ SHOJI_GUARDED_BY(mutex_) = false;

  std::thread thread_;  // last: uses all of the above
};

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_WATCH_H_

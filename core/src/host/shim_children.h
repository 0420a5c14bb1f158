// Shims that this process started.
//
// Purpose  They are our children, so somebody has to reap them, and at once: a container's shim
//          is process 1 of its PID namespace, and its end is not over before those of the execs
//          in there are reaped. One thread does it, from the first shim on, and keeps how each
//          ended for whoever asks.
// Threads  Safe.
// Example  children.Add(shim, false);  ...  if (auto end = children.Find(shim)) end->fd(),
// end->status();
#ifndef SHOJI_CORE_HOST_SHIM_CHILDREN_H_
#define SHOJI_CORE_HOST_SHIM_CHILDREN_H_

#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "host/cancel_event.h"
#include "metadata/record.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "shoji/spawn/spawn.h"

namespace shoji {

// How one of them ended.
class ShimEnd {
 public:
  int fd() const { return ended_.fd(); }  // readable when it has
  // Nothing: it runs, or somebody else has reaped it.
  std::optional<ExitStatus> status() const SHOJI_EXCLUDES(mutex_);

 private:
  friend class ShimChildren;
  void Set(std::optional<ExitStatus> status) SHOJI_EXCLUDES(mutex_);

  CancelEvent ended_;
  mutable Mutex mutex_;
  std::optional<ExitStatus> status_ SHOJI_GUARDED_BY(mutex_);
};

class ShimChildren {
 public:
  ShimChildren() = default;
  ~ShimChildren();
  ShimChildren(const ShimChildren&) = delete;
  ShimChildren& operator=(const ShimChildren&) = delete;

  // A child that was just started; nothing happens when it is gone already. `leave`: its end is
  // learned and it is not reaped before Forget(), so that who inherits it from us, as an
  // engine's monitor does, learns how it ended even if that is before our own end.
  void Add(const ProcessId& shim, bool leave) SHOJI_EXCLUDES(mutex_);
  // Null: not one of ours.
  std::shared_ptr<const ShimEnd> Find(const ProcessId& shim) const SHOJI_EXCLUDES(mutex_);
  void Forget(const ProcessId& shim) SHOJI_EXCLUDES(mutex_);

 private:
  struct Running {
    Child child;
    std::shared_ptr<ShimEnd> end;
    bool leave = false;
  };
  void Loop();
  // What is waited for: the wake event first.
  std::vector<int> Descriptors() const SHOJI_EXCLUDES(mutex_);
  void Reap() SHOJI_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::map<std::int32_t, Running> running_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::int32_t, Child> left_ SHOJI_GUARDED_BY(mutex_);  // ended, not reaped
  // By start time too: a number comes back.
  std::map<std::pair<std::int32_t, std::uint64_t>, std::shared_ptr<ShimEnd>> ends_
      SHOJI_GUARDED_BY(mutex_);
  bool stop_ SHOJI_GUARDED_BY(mutex_) = false;
  CancelEvent wake_;
  std::thread thread_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_SHIM_CHILDREN_H_

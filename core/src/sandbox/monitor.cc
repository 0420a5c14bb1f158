// What Sandbox::Monitor() gives.
#include <utility>

#include "sandbox/watch.h"

namespace shoji {
namespace {

class WatchMonitor final : public SandboxMonitor {
 public:
  explicit WatchMonitor(std::shared_ptr<SandboxWatch> watch) : watch_(std::move(watch)) {
    watch_->Add(queue_);
  }
  int fd() const override { return queue_->fd(); }
  Result<SandboxEvent> Next() override { return queue_->Next(); }
  void Cancel() override { queue_->Cancel(); }

 private:
  const std::shared_ptr<SandboxWatch> watch_;  // ends with its last monitor
  const std::shared_ptr<EventQueue> queue_ = std::make_shared<EventQueue>();
};

}  // namespace

// All monitors share one watch, for the guest tells of an event once.
Result<std::unique_ptr<SandboxMonitor>> SandboxObject::Monitor() {
  std::shared_ptr<SandboxWatch> watch;
  {
    const MutexLock lock(mutex_);
    watch = watch_.lock();
  }
  if (watch == nullptr || watch->over()) {
    SHOJI_ASSIGN_OR_RETURN(watch, SandboxWatch::Start(shared_from_this()));
    std::shared_ptr<SandboxWatch> other;  // of a thread that was faster
    const MutexLock lock(mutex_);
    other = watch_.lock();
    if (other == nullptr || other->over()) {
      watch_ = watch;
    } else {
      watch.swap(other);
    }
  }
  return std::unique_ptr<SandboxMonitor>(std::make_unique<WatchMonitor>(std::move(watch)));
}

}  // namespace shoji

// The way to a guest: VM, proxy and agent, as long as somebody uses it.
//
// Purpose  Calls that block for long (WaitProcess, the streams) hold no lock, only this.
//          Closing it cancels them; agent, proxy and VM handle go, in this order, when
//          the last of them has returned.
// Threads  Safe.
// Example
//     std::shared_ptr<Link> link = ...;
//     Status s = link->Explain(link->agent().Check(call));
//     Link::Close(std::move(link), /*stop_proxy=*/true, Deadline::After(5s));
#ifndef SHOJI_CORE_SANDBOX_LINK_H_
#define SHOJI_CORE_SANDBOX_LINK_H_

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "host/cancel_event.h"
#include "plugin/interfaces.h"
#include "shoji/base/deadline.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/status.h"

namespace shoji {

class Link {
 public:
  // `paused` tells, from any thread, whether the VM is held on purpose.
  Link(std::string sandbox_id, std::shared_ptr<Vm> vm, std::unique_ptr<Proxy> proxy,
       std::unique_ptr<Agent> agent, std::function<bool()> paused);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  Agent& agent() { return *agent_; }
  Proxy& proxy() { return *proxy_; }

  // A failure as the caller shall see it: when the VM has ended, UNAVAILABLE with its
  // last words.
  Status Explain(Status status) const;
  bool VmGone() const;

  // Triggered when the link is closed.
  const CancelEvent& cancel() const { return *cancel_; }
  // Another event to be triggered then.
  void Watch(const std::shared_ptr<CancelEvent>& event) SHOJI_EXCLUDES(mutex_);

  // Ends all calls and waits until they have returned, at most until `deadline`.
  // DEADLINE_EXCEEDED: one is stuck; what it uses goes when it returns.
  static Status Close(std::shared_ptr<Link> link, bool stop_proxy, Deadline deadline);

 private:
  void CancelAll() SHOJI_EXCLUDES(mutex_);

  const std::string sandbox_id_;
  std::shared_ptr<Vm> vm_;
  std::unique_ptr<Proxy> proxy_;
  std::unique_ptr<Agent> agent_;
  std::atomic<bool> stop_proxy_ = false;
  std::shared_ptr<CancelEvent> cancel_ = std::make_shared<CancelEvent>();
  std::promise<void> gone_;
  Mutex mutex_;
  std::vector<std::weak_ptr<CancelEvent>> watchers_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_LINK_H_

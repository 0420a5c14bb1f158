#include "sandbox/link.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace shoji {
namespace {

constexpr auto kProxyStopLimit = std::chrono::seconds(5);
// The agent's connection breaks a moment before the VMM's process is gone.
constexpr int kVmEndMs = 300;

bool Readable(int fd, int timeout_ms) {
  struct pollfd item = {fd, POLLIN, 0};
  return fd >= 0 && poll(&item, 1, timeout_ms) > 0;
}

}  // namespace

Link::Link(std::string sandbox_id, std::shared_ptr<Vm> vm, std::unique_ptr<Proxy> proxy,
           std::unique_ptr<Agent> agent, std::function<bool()> paused)
    : sandbox_id_(std::move(sandbox_id)),
      vm_(std::move(vm)),
      proxy_(std::move(proxy)),
      agent_(std::move(agent)) {
  // An agent that never gives up a silent guest has no use for it.
  (void)agent_->ExcuseSilence(std::move(paused));
}

Link::~Link() {
  agent_.reset();
  if (proxy_ != nullptr && stop_proxy_) {
    (void)proxy_->Stop(Call{Deadline::After(kProxyStopLimit), -1});
  }
  proxy_.reset();
  vm_.reset();
  gone_.set_value();
}

bool Link::VmGone() const { return Readable(vm_->wait_fd(), 0); }

Status Link::Explain(Status status) const {
  if (status.ok() || status.code() == StatusCode::kCancelled) return status;
  const int patience = status.code() == StatusCode::kUnavailable ? kVmEndMs : 0;
  if (!Readable(vm_->wait_fd(), patience)) return status;
  const std::string words = vm_->LastWords();
  return Unavailable("the VM of sandbox \"" + sandbox_id_ + "\" has ended" +
                     (words.empty() ? "" : " (" + words + ")") + ": " + status.message());
}

void Link::Watch(const std::shared_ptr<CancelEvent>& event) {
  {
    const MutexLock lock(mutex_);
    std::erase_if(watchers_, [](const auto& watcher) { return watcher.expired(); });
    watchers_.push_back(event);
  }
  if (cancel_->triggered()) event->Trigger();
}

void Link::CancelAll() {
  cancel_->Trigger();
  const MutexLock lock(mutex_);
  for (const auto& watcher : watchers_) {
    if (const auto event = watcher.lock()) event->Trigger();
  }
}

Status Link::Close(std::shared_ptr<Link> link, bool stop_proxy, Deadline deadline) {
  if (link == nullptr) return OkStatus();
  const std::string id = link->sandbox_id_;
  const std::future<void> gone = link->gone_.get_future();
  link->stop_proxy_ = stop_proxy;
  link->CancelAll();
  link.reset();
  const auto left = std::chrono::nanoseconds(deadline.nanos() - Deadline::NowNanos());
  if (gone.wait_for(left) == std::future_status::ready) return OkStatus();
  return DeadlineExceeded("a call to the guest of sandbox \"" + id + "\" does not end");
}

}  // namespace shoji

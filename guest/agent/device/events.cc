#include "device/events.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "shoji/base/errno.h"

namespace shoji::agent {
namespace {

Result<UniqueFd> OpenNetlink(int protocol, std::uint32_t groups) {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (!fd || bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    return ErrnoStatus(errno, "cannot listen for new devices");
  }
  return fd;
}

// What it says does not matter, nor whether some of it was lost: everything is looked at anew.
void Drain(int fd) {
  std::array<char, 8192> event;
  while (recv(fd, event.data(), event.size(), 0) > 0 || errno == ENOBUFS) {
  }
}

}  // namespace

Result<UniqueFd> OpenDeviceEvents() { return OpenNetlink(NETLINK_KOBJECT_UEVENT, 1); }

DeviceEvents::~DeviceEvents() {
  *alive_ = false;
  for (const auto& [id, pending] : pending_) loop_->CancelTimer(pending.timer);
  pending_.clear();
  Rest();
}

Status DeviceEvents::Listen(UniqueFd fd, UniqueFd* member) {
  *member = std::move(fd);
  return loop_->Watch(member->get(), EPOLLIN, [this, raw = member->get()](std::uint32_t) {
    Drain(raw);
    CheckAll();
  });
}

Status DeviceEvents::Listen() {
  if (kernel_) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(UniqueFd kernel, OpenDeviceEvents());
  SHOJI_ASSIGN_OR_RETURN(UniqueFd links, OpenNetlink(NETLINK_ROUTE, RTMGRP_LINK));
  SHOJI_RETURN_IF_ERROR(Listen(std::move(links), &links_));
  return Listen(std::move(kernel), &kernel_);
}

void DeviceEvents::Rest() {
  for (UniqueFd* fd : {&kernel_, &links_}) {
    if (*fd) loop_->Unwatch(fd->get());
    fd->reset();
  }
}

DeviceEvents::WaitId DeviceEvents::Await(std::chrono::nanoseconds limit, Wait wait) {
  const WaitId id = next_++;
  const Status listening = Listen();
  Pending& pending = pending_[id];
  pending.wait = std::move(wait);
  if (!listening.ok()) {
    Rest();
    loop_->Defer([this, alive = alive_, id, listening] {
      if (*alive) Finish(id, listening);
    });
    return id;
  }
  pending.timer = loop_->After(limit, [this, id] {
    const auto it = pending_.find(id);
    if (it == pending_.end()) return;
    it->second.timer = 0;
    Finish(id, DeadlineExceeded(it->second.wait.what + " did not appear in time"));
  });
  if (pending.wait.kick) pending.wait.kick();
  CheckSoon();
  return id;
}

void DeviceEvents::CheckSoon() {
  loop_->Defer([this, alive = alive_] {
    if (*alive) CheckAll();
  });
}

void DeviceEvents::CheckAll() {
  std::vector<WaitId> passed;
  for (const auto& [id, pending] : pending_) {
    if (pending.wait.check()) passed.push_back(id);
  }
  const std::shared_ptr<bool> alive = alive_;
  for (const WaitId id : passed) {
    if (*alive) Finish(id, OkStatus());
  }
}

void DeviceEvents::Finish(WaitId id, const Status& status) {
  auto node = pending_.extract(id);
  if (node.empty()) return;
  loop_->CancelTimer(node.mapped().timer);
  if (pending_.empty()) Rest();
  node.mapped().wait.done(status);
}

void DeviceEvents::Cancel(WaitId id) {
  const auto node = pending_.extract(id);
  if (node.empty()) return;
  loop_->CancelTimer(node.mapped().timer);
  if (pending_.empty()) Rest();
}

}  // namespace shoji::agent

#include "service/oom_events.h"

#include <sys/epoll.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "shoji-kata/agent.pb.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

// More than containers there can be.
constexpr std::size_t kMaxUntold = 1024;

// Processes of the group that the kernel killed for memory.
std::uint64_t KillsIn(const std::string& file) {
  constexpr std::string_view kName = "oom_kill ";
  const auto text = ReadFile(file, 4096);
  if (!text.ok()) return 0;
  for (const std::string& line : Split(*text, '\n')) {
    if (line.starts_with(kName)) return std::strtoull(line.c_str() + kName.size(), nullptr, 10);
  }
  return 0;
}

}  // namespace

OomEvents::~OomEvents() {
  if (inotify_) loop_->Unwatch(inotify_.get());
}

Status OomEvents::Open() {
  if (inotify_) return OkStatus();
  UniqueFd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify) return ErrnoStatus(errno, "cannot watch for ends by lack of memory");
  SHOJI_RETURN_IF_ERROR(
      loop_->Watch(inotify.get(), EPOLLIN, [this](std::uint32_t) { OnEvents(); }));
  inotify_ = std::move(inotify);
  return OkStatus();
}

Status OomEvents::Watch(const std::string& id, const std::string& cgroup) {
  SHOJI_RETURN_IF_ERROR(Open());
  const std::string file = cgroup + "/memory.events";
  const int watch = inotify_add_watch(inotify_.get(), file.c_str(), IN_MODIFY);
  if (watch < 0) {
    return FailedPrecondition("cannot watch " + file + ": " + ErrnoText(errno));
  }
  watched_[id] = Watched{watch, file, KillsIn(file)};
  return OkStatus();
}

void OomEvents::Unwatch(const std::string& id) {
  const auto it = watched_.find(id);
  if (it == watched_.end()) return;
  Look(id, &it->second);
  inotify_rm_watch(inotify_.get(), it->second.watch);
  watched_.erase(it);
}

// All are looked at: what one message says may be lost, what the files say is not.
void OomEvents::OnEvents() {
  std::array<char, 4096> events;
  while (read(inotify_.get(), events.data(), events.size()) > 0) {
  }
  for (auto& [id, watched] : watched_) Look(id, &watched);
}

void OomEvents::Look(const std::string& id, Watched* watched) {
  const std::uint64_t kills = KillsIn(watched->file);
  if (kills <= watched->kills) return;
  watched->kills = kills;
  Tell(id);
}

void OomEvents::Tell(const std::string& id) {
  while (!callers_.empty()) {
    const CallPtr call = callers_.front();
    callers_.pop_front();
    if (!call->open()) continue;
    grpc::OOMEvent event;
    event.set_container_id(id);
    return call->Reply(event);
  }
  const bool known = std::find(untold_.begin(), untold_.end(), id) != untold_.end();
  if (!known && untold_.size() < kMaxUntold) untold_.push_back(id);
}

void OomEvents::Next(const CallPtr& call) {
  callers_.push_back(call);
  call->OnGone([this, raw = call.get()] {
    callers_.remove_if([raw](const CallPtr& caller) { return caller.get() == raw; });
  });
  if (untold_.empty()) return;
  const std::string id = untold_.front();
  untold_.pop_front();
  Tell(id);
}

}  // namespace shoji::agent

#include "host/log_tail.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::agent {
namespace {

bool HungUp(int fd) {
  pollfd entry{fd, 0, 0};
  return poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

LogTail::LogTail(std::string path) : path_(std::move(path)) {
  if (!path_.empty()) {
    file_.reset(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  }
}

void LogTail::Add(std::string_view text) {
  kept_ += text;
  if (kept_.size() > kMaxFile) {
    kept_.erase(0, kept_.size() - kKept);
    Rewrite();
  } else if (file_) {
    (void)WriteAll(file_.get(), text).ok();
  }
  if (!console_) return;
  const ssize_t sent = send(console_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN) console_.reset();
}

void LogTail::Rewrite() {
  if (!file_ || ftruncate(file_.get(), 0) < 0) return;
  (void)WriteAll(file_.get(), kept_).ok();
}

Result<UniqueFd> LogTail::OpenConsole() {
  if (console_ && !HungUp(console_.get())) return Aborted("the console has a reader already");
  SHOJI_ASSIGN_OR_RETURN(auto ends, SocketPair());
  console_ = std::move(ends.first);
  (void)send(console_.get(), kept_.data(), kept_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return std::move(ends.second);
}

}  // namespace shoji::agent

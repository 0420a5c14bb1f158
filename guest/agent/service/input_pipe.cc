#include "service/input_pipe.h"

#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "shoji-kata/agent.pb.h"
#include "shoji/base/errno.h"

namespace shoji::agent {
namespace {

constexpr std::size_t kMaxPending = 64;

void Answer(const CallPtr& call, std::size_t length) {
  grpc::WriteStreamResponse reply;
  reply.set_len(static_cast<std::uint32_t>(length));
  call->Reply(reply);
}

// What a user's Ctrl-D sends; nothing when the terminal is raw.
std::string EndCharacter(int terminal) {
  termios settings{};
  if (tcgetattr(terminal, &settings) < 0 || (settings.c_lflag & ICANON) == 0) return {};
  return std::string(1, static_cast<char>(settings.c_cc[VEOF]));
}

}  // namespace

InputPipe::InputPipe(Loop* loop, UniqueFd fd, bool terminal)
    : loop_(loop), fd_(std::move(fd)), terminal_(terminal), closing_(!fd_) {}

InputPipe::~InputPipe() { Shut(); }

void InputPipe::Write(const CallPtr& call, std::string data) {
  if (closing_ || data.empty()) return Answer(call, 0);
  if (pending_.size() >= kMaxPending) {
    return call->Finish(ResourceExhausted("too many calls write to stdin at the same time"));
  }
  pending_.push_back({call, std::move(data), 0});
  // Bytes of a client that went away are written no further.
  call->OnGone([this, raw = call.get()] {
    std::erase_if(pending_, [raw](const Pending& p) { return p.call.get() == raw; });
  });
  if (pending_.size() == 1) Serve();
}

void InputPipe::Close() {
  if (std::exchange(closing_, true)) return;
  if (terminal_) pending_.push_back({nullptr, EndCharacter(fd_.get()), 0});
  Serve();
}

bool InputPipe::WriteFront() {
  Pending& front = pending_.front();
  while (front.done < front.data.size()) {
    const ssize_t n =
        write(fd_.get(), front.data.data() + front.done, front.data.size() - front.done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0) {
      Fail(errno);
      return true;
    }
    front.done += static_cast<std::size_t>(n);
  }
  const Pending written = std::move(pending_.front());
  pending_.pop_front();
  if (written.call) Answer(written.call, written.done);
  return true;
}

void InputPipe::Serve() {
  while (fd_ && !pending_.empty()) {
    if (!WriteFront()) return Wait();
  }
  // A terminal stays open: the same descriptor is needed to change its size.
  if (closing_ && pending_.empty() && !terminal_) Shut();
}

// The process closed its stdin, or ended.
void InputPipe::Fail(int error) {
  closing_ = true;
  const Status status =
      FailedPrecondition("the process reads no more from its stdin: " + ErrnoText(error));
  for (const Pending& entry : std::exchange(pending_, {})) {
    if (!entry.call) continue;
    entry.done > 0 ? Answer(entry.call, entry.done) : entry.call->Finish(status);
  }
}

void InputPipe::Wait() {
  const std::uint32_t events = EPOLLOUT | EPOLLONESHOT;
  const Status armed = watched_
                           ? loop_->Rearm(fd_.get(), events)
                           : loop_->Watch(fd_.get(), events, [this](std::uint32_t) { Serve(); });
  watched_ = watched_ || armed.ok();
  if (!armed.ok()) Fail(EIO);
}

void InputPipe::Shut() {
  closing_ = true;
  if (watched_) loop_->Unwatch(fd_.get());
  watched_ = false;
  fd_.reset();
  for (const Pending& entry : std::exchange(pending_, {})) {
    if (entry.call) Answer(entry.call, entry.done);
  }
}

}  // namespace shoji::agent

#include "service/output_pipe.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "rpc/wire.h"
#include "shoji-kata/agent.pb.h"

namespace shoji::agent {
namespace {

constexpr std::size_t kMaxRead = 1U << 20U;
constexpr std::size_t kCongestedRead = 64U << 10U;
constexpr std::size_t kMaxReaders = 64;
constexpr std::size_t kPage = 4096;

// What stands before the bytes in an encoded ReadStreamResponse: its one field and their count.
constexpr std::size_t kMostHead = 1 + 5;
constexpr std::size_t kRoomForHead = kPrefixBytes + kMostHead;

void PrependHead(Buffer* data) {
  constexpr int kLengthDelimited = 2;
  std::array<char, kMostHead> head{};
  head[0] = static_cast<char>(grpc::ReadStreamResponse::kDataFieldNumber << 3 | kLengthDelimited);
  std::size_t used = 1;
  std::size_t left = data->size();
  for (; left > 0x7f; left >>= 7U) head[used++] = static_cast<char>(left | 0x80U);
  head[used++] = static_cast<char>(left);
  data->Prepend({head.data(), used});
}

// At least a page: of a terminal the number says little, and at the end it is 0.
std::size_t Waiting(int fd) {
  int count = 0;
  return ioctl(fd, FIONREAD, &count) < 0 ? kPage : std::max(kPage, static_cast<std::size_t>(count));
}

Status EndOfFile() { return OutOfRange("EOF"); }

}  // namespace

OutputPipe::OutputPipe(Loop* loop, UniqueFd fd) : loop_(loop), fd_(std::move(fd)) {}

OutputPipe::~OutputPipe() {
  on_end_ = nullptr;
  End();
}

void OutputPipe::End() {
  if (watched_) loop_->Unwatch(fd_.get());
  watched_ = false;
  fd_.reset();
  std::deque<std::pair<CallPtr, std::size_t>> readers;
  readers.swap(readers_);
  for (const auto& [call, length] : readers) call->Finish(EndOfFile());
  if (auto task = std::exchange(on_end_, nullptr)) task();
}

void OutputPipe::Read(const CallPtr& call, std::size_t length) {
  if (at_end()) return call->Finish(EndOfFile());
  if (length == 0) return SendReadersHome(call);
  if (readers_.empty() && TryRead(call, length) == Outcome::kAnswered) return;
  if (readers_.size() >= kMaxReaders) {
    return call->Finish(ResourceExhausted("too many calls read this stream at the same time"));
  }
  readers_.emplace_back(call, length);
  call->OnGone([this, raw = call.get()] {
    std::erase_if(readers_, [raw](const auto& reader) { return reader.first.get() == raw; });
  });
  Wait();
}

// No answer with data can be under way for a call that gets this one, so its client knows that
// it lost nothing. A cancelled call could not know.
void OutputPipe::SendReadersHome(const CallPtr& call) {
  const grpc::ReadStreamResponse nothing;
  for (const auto& [waiting, length] : std::exchange(readers_, {})) waiting->Reply(nothing);
  call->Reply(nothing);
}

OutputPipe::Outcome OutputPipe::TryRead(const CallPtr& call, std::size_t length) {
  const std::size_t limit = call->congested() ? kCongestedRead : kMaxRead;
  Buffer reply(kRoomForHead, std::min({length, limit, Waiting(fd_.get())}));
  ssize_t n = 0;
  do {
    n = read(fd_.get(), reply.end(), reply.room());
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return Outcome::kNothingYet;
  if (n <= 0) {  // EIO: the last holder of the terminal closed it
    const CallPtr keep = call;
    End();
    keep->Finish(EndOfFile());
    return Outcome::kAnswered;
  }
  reply.Grow(static_cast<std::size_t>(n));
  PrependHead(&reply);
  call->ReplyEncoded(std::move(reply));
  return Outcome::kAnswered;
}

void OutputPipe::Serve() {
  while (!readers_.empty() && !at_end()) {
    const auto [call, length] = readers_.front();
    readers_.pop_front();
    if (TryRead(call, length) == Outcome::kAnswered) continue;
    readers_.emplace_front(call, length);
    return Wait();
  }
}

void OutputPipe::Wait() {
  if (at_end() || readers_.empty()) return;
  const std::uint32_t events = EPOLLIN | EPOLLONESHOT;
  const Status armed = watched_
                           ? loop_->Rearm(fd_.get(), events)
                           : loop_->Watch(fd_.get(), events, [this](std::uint32_t) { Serve(); });
  if (armed.ok()) {
    watched_ = true;
    return;
  }
  for (const auto& [call, length] : std::exchange(readers_, {})) call->Finish(armed);
}

}  // namespace shoji::agent

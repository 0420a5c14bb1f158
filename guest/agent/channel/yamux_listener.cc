#include "channel/yamux_listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "log.h"
#include "shoji/base/socket.h"

namespace shoji::agent {
namespace {

constexpr int kReadsInTurn = 32;

void Complain(const Status& status) {
  if (!status.ok()) Log(LogLevel::kError, status.message());
}

}  // namespace

Result<std::unique_ptr<YamuxListener>> YamuxListener::Serve(Loop* loop, Server* server,
                                                            UniqueFd socket) {
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(socket.get(), true));
  std::unique_ptr<YamuxListener> listener(new YamuxListener(loop, server, std::move(socket)));
  SHOJI_RETURN_IF_ERROR(listener->Await());
  return listener;
}

YamuxListener::~YamuxListener() {
  channel_.reset();
  if (client_) loop_->Unwatch(client_.get());
  loop_->Unwatch(socket_.get());
}

Status YamuxListener::Await() {
  return loop_->Watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { Accept(); });
}

void YamuxListener::Accept() {
  UniqueFd client(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client) return;
  loop_->Unwatch(socket_.get());  // one at a time
  Connect(std::move(client));
}

void YamuxListener::Connect(UniqueFd client) {
  client_ = std::move(client);
  channel_ = std::make_unique<YamuxChannel>(loop_, server_, [this] {
    if (std::exchange(write_planned_, true)) return;
    loop_->Defer([this] { Write(); });
  });
  const Status watched =
      loop_->Watch(client_.get(), EPOLLIN, [this](std::uint32_t events) { OnEvents(events); });
  if (watched.ok()) return;
  Complain(watched);
  Disconnect();
}

void YamuxListener::Disconnect() {
  channel_.reset();
  loop_->Unwatch(client_.get());
  client_.reset();
  Complain(Await());
}

void YamuxListener::OnEvents(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !Read()) return Disconnect();
  if ((events & EPOLLOUT) != 0) Write();
}

// False when the client is gone, or broke the protocol.
bool YamuxListener::Read() {
  std::array<char, 64U << 10U> buffer;
  for (int turn = 0; turn < kReadsInTurn; ++turn) {
    const ssize_t n = read(client_.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) return false;
    const Status fed = channel_->Feed(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
    if (!fed.ok()) {
      Log(LogLevel::kWarning, "host broke the channel's protocol: " + fed.message());
      channel_->Drain([this](std::string_view bytes) { return WriteSome(bytes); });
      return false;
    }
  }
  return true;
}

std::size_t YamuxListener::WriteSome(std::string_view bytes) {
  const ssize_t n = send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

void YamuxListener::Write() {
  write_planned_ = false;
  if (!channel_) return;
  const bool done = channel_->DrainAll([this](std::string_view bytes) { return WriteSome(bytes); });
  // A client that is gone makes the socket readable: that ends it.
  Complain(loop_->Rearm(client_.get(),
                        done ? std::uint32_t{EPOLLIN} : std::uint32_t{EPOLLIN | EPOLLOUT}));
}

}  // namespace shoji::agent

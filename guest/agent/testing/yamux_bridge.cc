#include "testing/yamux_bridge.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <utility>

#include "shoji/base/socket.h"

namespace shoji::agent::testing {

YamuxBridge::YamuxBridge(UniqueFd pipe)
    : pipe_(std::move(pipe)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      session_(yamux::Role::kClient, this, {}) {
  [[maybe_unused]] const Status ignored = SetNonBlocking(pipe_.get(), true);
  thread_ = std::thread([this] { Run(); });
}

YamuxBridge::~YamuxBridge() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
  }
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

int YamuxBridge::Open() {
  auto ends = SocketPair();
  if (!ends.ok()) return -1;
  auto [ours, theirs] = std::move(ends).value();
  if (!SetNonBlocking(ours.get(), true).ok() || !SetNonBlocking(theirs.get(), true).ok()) return -1;
  {
    const MutexLock lock(mutex_);
    opened_.push_back(std::move(ours));
  }
  eventfd_write(wake_.get(), 1);
  return theirs.release();
}

void YamuxBridge::Adopt() {
  std::vector<UniqueFd> opened;
  {
    const MutexLock lock(mutex_);
    opened.swap(opened_);
  }
  for (UniqueFd& fd : opened) {
    const auto id = session_.Open();
    if (!id.ok() || pipe_ended_) continue;  // the caller sees the end of the stream
    auto stream = std::make_unique<Stream>();
    stream->fd = std::move(fd);
    streams_[id.value()] = std::move(stream);
  }
}

void YamuxBridge::OnData(yamux::StreamId id, std::string_view data) {
  const auto it = streams_.find(id);
  if (it == streams_.end()) return session_.Consume(id, data.size());
  it->second->to_local.append(data);
}

void YamuxBridge::Close(yamux::StreamId id) {
  const auto it = streams_.find(id);
  if (it != streams_.end()) shutdown(it->second->fd.get(), SHUT_WR);
}

void YamuxBridge::PumpStream(yamux::StreamId id, Stream* stream) {
  std::array<char, 65536> buffer;
  while (!stream->local_ended && stream->to_peer.size() < buffer.size()) {
    const ssize_t n = read(stream->fd.get(), buffer.data(), buffer.size());
    if (n < 0) break;
    if (n == 0) {
      stream->local_ended = true;
      break;
    }
    stream->to_peer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  stream->to_peer.erase(0, session_.Write(id, stream->to_peer));
  if (stream->local_ended && stream->to_peer.empty()) {
    session_.Finish(id);
    closed_.push_back(id);
  }
  if (stream->to_local.empty()) return;
  const ssize_t n =
      send(stream->fd.get(), stream->to_local.data(), stream->to_local.size(), MSG_NOSIGNAL);
  if (n <= 0) return;
  stream->to_local.erase(0, static_cast<std::size_t>(n));
  session_.Consume(id, static_cast<std::size_t>(n));
}

void YamuxBridge::PumpPipe(short events) {
  std::array<char, 65536> buffer;
  if ((events & (POLLIN | POLLHUP)) != 0) {
    const ssize_t n = read(pipe_.get(), buffer.data(), buffer.size());
    if (n > 0) {
      pipe_ended_ = !session_.Feed({buffer.data(), static_cast<std::size_t>(n)}).ok();
    } else if (n == 0) {
      pipe_ended_ = true;
    }
  }
  while (!session_.PendingOutput().empty()) {
    const std::string_view out = session_.PendingOutput();
    const ssize_t n = send(pipe_.get(), out.data(), out.size(), MSG_NOSIGNAL);
    if (n <= 0) break;
    session_.OutputSent(static_cast<std::size_t>(n));
  }
  if (pipe_ended_) streams_.clear();
}

void YamuxBridge::Run() {
  while (true) {
    Adopt();
    for (const auto& [id, stream] : streams_) PumpStream(id, stream.get());
    for (const yamux::StreamId id : std::exchange(closed_, {})) streams_.erase(id);
    PumpPipe(0);
    std::vector<pollfd> polls = {{wake_.get(), POLLIN, 0}};
    const bool waiting = !session_.PendingOutput().empty();
    polls.push_back({pipe_ended_ ? -1 : pipe_.get(),
                     static_cast<short>(waiting ? POLLIN | POLLOUT : POLLIN), 0});
    for (const auto& [id, stream] : streams_) {
      short events = stream->to_peer.size() < 65536 && !stream->local_ended ? POLLIN : 0;
      if (!stream->to_local.empty()) events = static_cast<short>(events | POLLOUT);
      polls.push_back({stream->fd.get(), events, 0});
    }
    poll(polls.data(), polls.size(), -1);
    std::uint64_t count = 0;
    eventfd_read(wake_.get(), &count);
    {
      const MutexLock lock(mutex_);
      if (stop_) return;
    }
    if (polls[1].revents != 0) PumpPipe(polls[1].revents);
  }
}

}  // namespace shoji::agent::testing

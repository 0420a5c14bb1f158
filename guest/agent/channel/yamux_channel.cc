#include "channel/yamux_channel.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "rpc/connection.h"

namespace shoji::agent {

class YamuxClient final : public Connection::Output {
 public:
  YamuxClient(YamuxChannel* channel, yamux::StreamId id)
      : channel_(channel), id_(id), connection(channel->loop_, channel->server_, this) {}

  std::size_t Send(std::string_view bytes) override { return channel_->Send(id_, bytes); }
  std::size_t Room() const override { return channel_->Room(id_); }

 private:
  YamuxChannel* channel_;
  yamux::StreamId id_;

 public:
  Connection connection;  // after what its output needs
};

YamuxChannel::YamuxChannel(Loop* loop, Server* server, std::function<void()> wants_to_send)
    : loop_(loop),
      server_(server),
      wants_to_send_(std::move(wants_to_send)),
      session_(yamux::Role::kServer, this, yamux::Options{kMaxClients, 256}) {}

YamuxChannel::~YamuxChannel() { clients_.clear(); }

Status YamuxChannel::Feed(std::string_view bytes) {
  const Status status = session_.Feed(bytes);
  if (!session_.PendingOutput().empty()) wants_to_send_();
  return status;
}

void YamuxChannel::End() {
  for (const auto& client : clients_) session_.Reset(client.first);
  clients_.clear();
}

std::size_t YamuxChannel::Send(yamux::StreamId id, std::string_view bytes) {
  const std::size_t waiting = session_.PendingBytes();
  if (waiting >= kHighWater) {
    held_ = true;
    return 0;
  }
  const std::size_t offered = std::min(bytes.size(), kHighWater - waiting);
  const std::size_t taken = session_.Write(id, bytes.substr(0, offered));
  if (taken == offered && offered < bytes.size()) held_ = true;
  if (taken > 0) wants_to_send_();
  return taken;
}

std::size_t YamuxChannel::Room(yamux::StreamId id) const {
  const std::size_t waiting = session_.PendingBytes();
  return waiting >= kHighWater ? 0 : std::min(session_.Writable(id), kHighWater - waiting);
}

bool YamuxChannel::DrainAll(const std::function<std::size_t(std::string_view)>& write) {
  bool blocked = false;
  return Drain([&](std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size() && !blocked) {
      const std::size_t n = write(bytes.substr(sent));
      sent += n;
      blocked = n == 0;
    }
    return sent;
  });
}

bool YamuxChannel::Drain(const std::function<std::size_t(std::string_view)>& write) {
  while (true) {
    const std::string_view waiting = session_.PendingOutput();
    if (waiting.empty()) {
      if (!held_) return true;
      FlushClients();
      if (session_.PendingOutput().empty()) return true;
      continue;
    }
    const std::size_t offered = waiting.size();
    const std::size_t taken = write(waiting);
    session_.OutputSent(taken);
    if (taken < offered) return false;
  }
}

// Starts with another client each time, so that the pipe is shared fairly.
void YamuxChannel::FlushClients() {
  held_ = false;
  std::vector<yamux::StreamId> order;
  for (const auto& [id, client] : clients_) order.push_back(id);
  std::stable_partition(order.begin(), order.end(),
                        [this](yamux::StreamId id) { return id > next_turn_; });
  for (const yamux::StreamId id : order) {
    const auto it = clients_.find(id);
    if (it == clients_.end()) continue;
    it->second->connection.Flush();
    next_turn_ = id;
    if (held_) return;  // the others come first next time
  }
}

void YamuxChannel::OnOpened(yamux::StreamId id) {
  auto client = std::make_unique<YamuxClient>(this, id);
  YamuxClient* raw = client.get();
  clients_[id] = std::move(client);
  raw->connection.Flush();
}

void YamuxChannel::OnData(yamux::StreamId id, std::string_view data) {
  const auto it = clients_.find(id);
  if (it != clients_.end()) {
    const bool good = it->second->connection.Feed(data).ok();
    if (!good || it->second->connection.finished()) {
      clients_.erase(it);
      session_.Finish(id);
    }
  }
  session_.Consume(id, data.size());  // HTTP/2 has its own windows
}

void YamuxChannel::OnFinished(yamux::StreamId id) {
  clients_.erase(id);
  session_.Finish(id);
}

void YamuxChannel::OnReset(yamux::StreamId id) { clients_.erase(id); }

void YamuxChannel::OnWritable(yamux::StreamId id) {
  const auto it = clients_.find(id);
  if (it != clients_.end()) it->second->connection.Flush();
}

}  // namespace shoji::agent

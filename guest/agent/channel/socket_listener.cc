#include "channel/socket_listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "log.h"
#include "rpc/connection.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::agent {

class SocketClient final : private Connection::Output {
 public:
  SocketClient(Loop* loop, Server* server, SocketListener* listener, UniqueFd socket,
               std::uint32_t hybrid_port)
      : loop_(loop),
        listener_(listener),
        socket_(std::move(socket)),
        connection_(loop, server, this),
        awaited_port_(hybrid_port) {}
  ~SocketClient() override { loop_->Unwatch(socket_.get()); }
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  Status Open() {
    SHOJI_RETURN_IF_ERROR(
        loop_->Watch(socket_.get(), EPOLLIN, [this](std::uint32_t events) { OnEvents(events); }));
    if (awaited_port_ == 0) connection_.Flush();
    return OkStatus();
  }

 private:
  static constexpr std::size_t kLongestRequest = 32;
  static constexpr int kReadsInTurn = 4;  // then the other clients get theirs

  std::size_t Send(std::string_view bytes) override {
    std::size_t sent = 0;
    while (sent < bytes.size() && !broken_) {
      const ssize_t n = send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno != EAGAIN) End();
      if (n < 0) break;
      sent += static_cast<std::size_t>(n);
    }
    WaitWritable(sent < bytes.size() && !broken_);
    return sent;
  }

  void WaitWritable(bool wait) {
    if (wait == waiting_ || broken_) return;
    waiting_ = wait;
    const std::uint32_t events = wait ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (!loop_->Rearm(socket_.get(), events).ok()) End();
  }

  void OnEvents(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) connection_.Flush();
    if (awaited_port_ != 0) return ReadRequest();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Read();
  }

  void Read() {
    std::array<char, 64U << 10U> buffer;
    for (int turn = 0; turn < kReadsInTurn && !broken_; ++turn) {
      const ssize_t n = read(socket_.get(), buffer.data(), buffer.size());
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (n <= 0) return End();
      const std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
      if (!connection_.Feed(bytes).ok() || connection_.finished()) return End();
    }
  }

  // Byte by byte, and one in a turn: what follows the line is gRPC, and who sends slowly must not
  // keep the others waiting.
  void ReadRequest() {
    char byte = 0;
    const ssize_t n = read(socket_.get(), &byte, 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0 || request_.size() >= kLongestRequest) return End();
    if (byte != '\n') return static_cast<void>(request_ += byte);
    const std::string port = std::to_string(awaited_port_);
    // As a VMM does when nothing listens on a port.
    if (request_ != "CONNECT " + port) return End();
    const std::string answer = "OK " + port + "\n";
    if (send(socket_.get(), answer.data(), answer.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(answer.size())) {
      return End();
    }
    awaited_port_ = 0;
    connection_.Flush();
  }

  // Not at once: this runs inside the connection.
  void End() {
    if (std::exchange(broken_, true)) return;
    loop_->Unwatch(socket_.get());
    loop_->Defer([listener = listener_, fd = socket_.get()] { listener->Forget(fd); });
  }

  Loop* loop_;
  SocketListener* listener_;
  UniqueFd socket_;
  Connection connection_;
  std::uint32_t awaited_port_;  // 0: nothing has to be said before
  std::string request_;
  bool waiting_ = false;
  bool broken_ = false;
};

SocketListener::SocketListener(Loop* loop, Server* server, std::string path, UniqueFd socket)
    : loop_(loop), server_(server), path_(std::move(path)), socket_(std::move(socket)) {}

SocketListener::~SocketListener() {
  loop_->Unwatch(socket_.get());
  clients_.clear();
  if (!path_.empty()) [[maybe_unused]]
    const Status ignored = RemoveFile(path_);
}

Result<std::unique_ptr<SocketListener>> SocketListener::Create(Loop* loop, Server* server,
                                                               const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd socket, ListenUnix(path, 64));
  SHOJI_ASSIGN_OR_RETURN(auto listener, Serve(loop, server, std::move(socket)));
  listener->path_ = path;
  return listener;
}

Result<std::unique_ptr<SocketListener>> SocketListener::Serve(Loop* loop, Server* server,
                                                              UniqueFd socket,
                                                              std::uint32_t hybrid_port) {
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(socket.get(), true));
  std::unique_ptr<SocketListener> listener(new SocketListener(loop, server, "", std::move(socket)));
  listener->hybrid_port_ = hybrid_port;
  SHOJI_RETURN_IF_ERROR(loop->Watch(listener->socket_.get(), EPOLLIN,
                                    [raw = listener.get()](std::uint32_t) { raw->Accept(); }));
  return listener;
}

void SocketListener::Accept() {
  UniqueFd socket(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket || clients_.size() >= kMaxClients) return;
  const int fd = socket.get();
  auto client =
      std::make_unique<SocketClient>(loop_, server_, this, std::move(socket), hybrid_port_);
  const Status opened = client->Open();
  if (!opened.ok()) return Log(LogLevel::kError, opened.message());
  clients_[fd] = std::move(client);
}

void SocketListener::Forget(int fd) { clients_.erase(fd); }

}  // namespace shoji::agent

// The channel as the host sees it: gRPC's own client over yamux over one pipe.

#include "channel/yamux_channel.h"

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "service/health.h"
#include "shoji-kata/agent.grpc.pb.h"
#include "shoji-kata/health.grpc.pb.h"
#include "shoji/base/socket.h"
#include "testing/yamux_bridge.h"

namespace shoji::agent {
namespace {

// The agent's side in a thread: a channel over one end of a socket pair.
class Peer {
 public:
  Peer() : stop_(eventfd(0, EFD_CLOEXEC)) {
    auto ends = SocketPair();
    EXPECT_TRUE(ends.ok());
    ours_ = std::move(ends->first);
    theirs_ = std::move(ends->second);
    EXPECT_TRUE(SetNonBlocking(ours_.get(), true).ok());
    thread_ = std::thread([this] { Run(); });
  }
  ~Peer() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  UniqueFd TakeHostEnd() { return std::move(theirs_); }

 private:
  void Run() {
    auto made = Loop::Create();
    Loop& loop = **made;
    Server server;
    RegisterHealth(&server);
    server.Unary<grpc::ReadStreamRequest, grpc::ReadStreamResponse>(
        "/grpc.AgentService/ReadStdout",
        [](const grpc::ReadStreamRequest& request, grpc::ReadStreamResponse* reply) {
          reply->set_data(std::string(request.len(), 'x'));
          return OkStatus();
        });
    YamuxChannel channel(&loop, &server, [&] { loop.Defer([&] { Write(&loop, &channel); }); });
    Status status = loop.Watch(ours_.get(), EPOLLIN, [&](std::uint32_t events) {
      if ((events & EPOLLOUT) != 0) Write(&loop, &channel);
      if ((events & EPOLLIN) != 0) Read(&loop, &channel);
    });
    EXPECT_TRUE(status.ok());
    status = loop.Watch(stop_.get(), EPOLLIN, [&](std::uint32_t) { loop.Stop(); });
    EXPECT_TRUE(status.ok());
    EXPECT_TRUE(loop.Run().ok());
  }

  void Read(Loop* loop, YamuxChannel* channel) {
    std::array<char, 65536> buffer;
    const ssize_t n = read(ours_.get(), buffer.data(), buffer.size());
    if (n <= 0) return loop->Unwatch(ours_.get());
    if (!channel->Feed({buffer.data(), static_cast<std::size_t>(n)}).ok()) {
      Write(loop, channel);
      shutdown(ours_.get(), SHUT_RDWR);
    }
  }

  void Write(Loop* loop, YamuxChannel* channel) {
    const bool done = channel->Drain([this](std::string_view bytes) {
      const ssize_t n = send(ours_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      return n > 0 ? static_cast<std::size_t>(n) : 0U;
    });
    [[maybe_unused]] const Status armed =
        loop->Rearm(ours_.get(), done ? EPOLLIN : EPOLLIN | EPOLLOUT);
  }

  UniqueFd stop_;
  UniqueFd ours_;
  UniqueFd theirs_;
  std::thread thread_;
};

std::shared_ptr<grpc::Channel> Dial(testing::YamuxBridge* bridge) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomInsecureChannelFromFd("agent", bridge->Open(), arguments);
}

bool Healthy(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  grpc::HealthCheckResponse reply;
  return grpc::Health::NewStub(channel)->Check(&context, grpc::CheckRequest(), &reply).ok();
}

std::size_t ReadLength(const std::shared_ptr<grpc::Channel>& channel, unsigned length) {
  grpc::ClientContext context;
  grpc::ReadStreamRequest request;
  grpc::ReadStreamResponse reply;
  request.set_len(length);
  const auto stub = grpc::AgentService::NewStub(channel);
  return stub->ReadStdout(&context, request, &reply).ok() ? reply.data().size() : 0;
}

TEST(YamuxChannel, ServesSeveralClients) {
  Peer peer;
  testing::YamuxBridge bridge(peer.TakeHostEnd());
  const auto first = Dial(&bridge);
  const auto second = Dial(&bridge);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(Healthy(i % 2 == 0 ? first : second));
}

TEST(YamuxChannel, LargeRepliesOfSeveralClientsAtOnce) {
  Peer peer;
  testing::YamuxBridge bridge(peer.TakeHostEnd());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([channel = Dial(&bridge)] {
      for (int i = 0; i < 5; ++i) EXPECT_EQ(ReadLength(channel, 3U << 20U), 3U << 20U);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(YamuxChannel, AClientThatDoesNotReadHoldsUpNobody) {
  Peer peer;
  testing::YamuxBridge bridge(peer.TakeHostEnd());
  const UniqueFd silent(bridge.Open());  // says nothing and reads nothing
  const UniqueFd garbage(bridge.Open());
  const std::string junk(100000, '\xff');
  EXPECT_GT(send(garbage.get(), junk.data(), junk.size(), MSG_NOSIGNAL), 0);
  const auto channel = Dial(&bridge);
  EXPECT_TRUE(Healthy(channel));
  EXPECT_EQ(ReadLength(channel, 1U << 20U), 1U << 20U);
}

TEST(YamuxChannel, GarbageOnThePipeEndsTheChannel) {
  Peer peer;
  const UniqueFd host = peer.TakeHostEnd();
  const std::string junk(1000, '\xff');
  ASSERT_EQ(send(host.get(), junk.data(), junk.size(), MSG_NOSIGNAL), 1000);
  std::array<char, 4096> buffer;
  while (read(host.get(), buffer.data(), buffer.size()) > 0) {
  }
}

// By then the streams may be those of the next host.
TEST(YamuxChannel, ItsEndIsToldForEachStream) {
  auto loop = Loop::Create();
  ASSERT_TRUE(loop.ok());
  Server server;
  YamuxChannel channel(loop->get(), &server, [] {});
  const auto frame = [](const char* type_and_flags, char id) {
    return std::string(1, '\0') + std::string(type_and_flags, 3) + std::string(3, '\0') + id +
           std::string(4, '\0');
  };
  ASSERT_TRUE(channel.Feed(frame("\1\0\1", 5) + frame("\1\0\1", 9)).ok());
  std::string said;
  const auto take = [&said](std::string_view bytes) {
    said += bytes;
    return bytes.size();
  };
  EXPECT_TRUE(channel.Drain(take));
  said.clear();
  channel.End();
  EXPECT_TRUE(channel.Drain(take));
  EXPECT_EQ(said, frame("\1\0\10", 5) + frame("\1\0\10", 9));
}

}  // namespace
}  // namespace shoji::agent

// The wire, against gRPC's own client and against clients that mean no good.

#include <gmock/gmock.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "rpc/wire.h"
#include "shoji/base/socket.h"
#include "testing/guest.h"

namespace shoji::agent {
namespace {

using testing::Guest;

::testing::AssertionResult Healthy(grpc::Health::Stub* stub) {
  grpc::ClientContext context;
  grpc::HealthCheckResponse reply;
  const grpc::Status status = stub->Check(&context, grpc::CheckRequest(), &reply);
  if (!status.ok()) {
    return ::testing::AssertionFailure() << status.error_code() << " " << status.error_message();
  }
  if (reply.status() != grpc::HealthCheckResponse::SERVING) {
    return ::testing::AssertionFailure() << "status " << reply.status();
  }
  return ::testing::AssertionSuccess();
}

TEST(Wire, ReadsAMessageInPieces) {
  MessageReader reader;
  const std::string bytes("\0\0\0\0\3abc", 8);
  for (const char c : bytes) {
    EXPECT_FALSE(reader.complete());
    ASSERT_TRUE(reader.Add(std::string_view(&c, 1)).ok());
  }
  EXPECT_TRUE(reader.complete());
  EXPECT_EQ(reader.Take(), "abc");
}

TEST(Wire, RefusesWhatItMust) {
  EXPECT_EQ(MessageReader().Add(std::string_view("\1\0\0\0\1a", 6)).code(),
            StatusCode::kUnimplemented);
  EXPECT_EQ(MessageReader().Add(std::string_view("\0\x7f\0\0\0", 5)).code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(MessageReader().Add(std::string_view("\0\0\0\0\1ab", 7)).code(),
            StatusCode::kUnimplemented);
}

TEST(Wire, Texts) {
  EXPECT_EQ(PercentEncode("50% \xc3\xa4\n"), "50%25 %C3%A4%0A");
  EXPECT_EQ(ParseTimeout("250m"), std::chrono::milliseconds(250));
  EXPECT_EQ(ParseTimeout("3S"), std::chrono::seconds(3));
  for (const char* bad : {"", "S", "1", "123456789S", "-1S", "1x"}) {
    EXPECT_FALSE(ParseTimeout(bad)) << bad;
  }
  EXPECT_TRUE(ParseTimeout("99999999H"));
}

TEST(Rpc, HealthAndVersion) {
  Guest guest;
  EXPECT_TRUE(Healthy(&guest.health()));
  grpc::ClientContext context;
  grpc::VersionCheckResponse reply;
  ASSERT_TRUE(guest.health().Version(&context, grpc::CheckRequest(), &reply).ok());
  EXPECT_EQ(reply.grpc_version(), "0.0.1");
  EXPECT_NE(reply.agent_version(), "");
}

TEST(Rpc, UnknownMethodsAndBrokenMessages) {
  Guest guest;
  {
    grpc::ClientContext context;
    google::protobuf::Empty empty;
    EXPECT_EQ(guest.agent().StartTracing(&context, {}, &empty).error_code(),
              grpc::StatusCode::UNIMPLEMENTED);
  }
  grpc::GenericStub generic(guest.Dial());
  const auto call = [&generic](const std::string& path, const std::string& bytes) {
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer reply;
    grpc::Status status;
    auto unary = generic.PrepareUnaryCall(&context, path, request, &queue);
    unary->StartCall();
    unary->Finish(&reply, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    queue.Shutdown();
    while (queue.Next(&tag, &ok)) {
    }
    return status;
  };
  EXPECT_EQ(call("/no.Such/Method", "").error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(call("/grpc.Health/Check", "").error_code(), grpc::StatusCode::OK);
  EXPECT_EQ(call("/grpc.AgentService/CreateSandbox", "\xff\xff\xff").error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(call("/grpc.Health/Check", std::string(17U << 20U, 'x')).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Healthy(&guest.health()));
}

TEST(Rpc, LargeMessagesAndErrorsWithStrangeBytes) {
  Guest guest;
  grpc::ClientContext context;
  grpc::WriteStreamRequest request;
  grpc::WriteStreamResponse reply;
  request.set_container_id("caf\xc3\xa9 100%");
  request.set_data(std::string(15U << 20U, 'x'));
  const grpc::Status status = guest.agent().WriteStdin(&context, request, &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "there is no container \"caf\xc3\xa9 100%\"");
}

TEST(Rpc, ManyCallsAtOnce) {
  Guest guest;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&guest, t] {
      const auto own = t % 2 == 0 ? nullptr : grpc::Health::NewStub(guest.Dial());
      for (int i = 0; i < 100; ++i) EXPECT_TRUE(Healthy(own ? own.get() : &guest.health()));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Rpc, TimeLimitAndCancellationOfACallThatBlocks) {
  Guest guest;
  ASSERT_TRUE(guest.CreateSandbox().ok());
  ASSERT_TRUE(guest.Run("c", {"sleep", "1000"}).ok());
  grpc::ReadStreamRequest request;
  grpc::ReadStreamResponse reply;
  request.set_container_id("c");
  request.set_exec_id("c");
  request.set_len(10);
  {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
    EXPECT_EQ(guest.agent().ReadStdout(&context, request, &reply).error_code(),
              grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  for (int i = 0; i < 50; ++i) {  // sometimes the reset goes out, and the call before it does not
    grpc::ClientContext context;
    std::thread canceller([&context] { context.TryCancel(); });
    EXPECT_EQ(guest.agent().ReadStdout(&context, request, &reply).error_code(),
              grpc::StatusCode::CANCELLED);
    canceller.join();
  }
  EXPECT_TRUE(Healthy(&guest.health()));
}

// Sends `bytes` and reads until the agent closes.
void Abuse(const std::string& socket, const std::string& bytes) {
  auto fd = ConnectUnix(socket);
  ASSERT_TRUE(fd.ok());
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = send(fd->get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += static_cast<std::size_t>(n);
  }
  shutdown(fd->get(), SHUT_WR);
  std::array<char, 4096> buffer;
  while (read(fd->get(), buffer.data(), buffer.size()) > 0) {
  }
}

TEST(Rpc, GarbageEndsOnlyItsOwnConnection) {
  Guest guest;
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
  Abuse(guest.socket(), std::string(100000, '\xff'));
  Abuse(guest.socket(), "GET / HTTP/1.1\r\n\r\n");
  Abuse(guest.socket(), preface);
  Abuse(guest.socket(), preface + std::string(4000, '\xee'));
  Abuse(guest.socket(), preface + settings + std::string("\0\0\4\0\0\0\0\0\1xxxx", 13));
  Abuse(guest.socket(), preface + settings + std::string("\0\0\x10\1\4\0\0\0\1half", 13));
  std::string pings = preface + settings;
  for (int i = 0; i < 20000; ++i) pings += std::string("\0\0\x8\6\0\0\0\0\0abcdefgh", 17);
  Abuse(guest.socket(), pings);
  EXPECT_TRUE(Healthy(&guest.health()));
}

TEST(Rpc, ManyConnectionsComeAndGo) {
  Guest guest;
  for (int i = 0; i < 300; ++i) {
    auto fd = ConnectUnix(guest.socket());
    ASSERT_TRUE(fd.ok()) << i << fd.status().message();
  }
  EXPECT_TRUE(Healthy(&guest.health()));
}

}  // namespace
}  // namespace shoji::agent

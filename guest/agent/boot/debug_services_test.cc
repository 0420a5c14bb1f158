// Log and shells for who connects; the vsock sockets they are served on.

#include "boot/debug_services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>

#include "channel/vsock.h"
#include "log.h"
#include "shoji/base/socket.h"
#include "testing/files.h"

namespace shoji::agent {
namespace {

using ::testing::HasSubstr;
using testing::RunUntil;

class Debug : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = Loop::Create();
    ASSERT_TRUE(loop.ok());
    loop_ = std::move(*loop);
    auto reaper = Reaper::Create(loop_.get(), [] {});
    ASSERT_TRUE(reaper.ok());
    reaper_ = std::move(*reaper);
    debug_ = std::make_unique<DebugServices>(loop_.get(), reaper_.get());
  }
  UniqueFd Listen(const std::string& name) {
    auto socket = ListenUnix(dir_ / name);
    EXPECT_TRUE(socket.ok());
    return std::move(*socket);
  }
  UniqueFd Connect(const std::string& name) {
    auto socket = ConnectUnix(dir_ / name);
    EXPECT_TRUE(socket.ok());
    EXPECT_TRUE(SetNonBlocking(socket->get(), true).ok());
    return std::move(*socket);
  }
  // Reads until `text` came, or the end.
  std::string ReadUntil(int fd, const std::string& text) {
    std::string all;
    RunUntil(loop_.get(), [&] {
      char buffer[4096];
      const ssize_t n = read(fd, buffer, sizeof buffer);
      if (n > 0) all.append(buffer, static_cast<std::size_t>(n));
      return n == 0 || all.find(text) != std::string::npos;
    });
    return all;
  }

  testing::TempDir dir_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Reaper> reaper_;
  std::unique_ptr<DebugServices> debug_;
};

TEST_F(Debug, TheLogGoesToWhoConnects) {
  ASSERT_TRUE(debug_->ServeLog(Listen("log")).ok());
  Log(LogLevel::kInfo, "before");
  const UniqueFd client = Connect("log");
  EXPECT_THAT(ReadUntil(client.get(), "before\n"), HasSubstr("<6>shoji-agent: before\n"));
  Log(LogLevel::kInfo, "after");
  EXPECT_THAT(ReadUntil(client.get(), "after\n"), HasSubstr("after"));
  debug_.reset();
  Log(LogLevel::kInfo, "nobody listens");
}

TEST_F(Debug, AClientThatDoesNotReadHoldsUpNobody) {
  ASSERT_TRUE(debug_->ServeLog(Listen("log")).ok());
  const UniqueFd client = Connect("log");
  loop_->After(std::chrono::milliseconds(10), [this] { loop_->Stop(); });
  ASSERT_TRUE(loop_->Run().ok());
  const std::string line(8000, 'x');
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 200; ++i) Log(LogLevel::kInfo, line);
  ::testing::internal::GetCapturedStderr();
  const UniqueFd late = Connect("log");
  EXPECT_THAT(ReadUntil(late.get(), "xx\n").size(), ::testing::Le(DebugServices::kKeptLog));
}

TEST_F(Debug, AShellForEachConnection) {
  ASSERT_TRUE(debug_->ServeShells(Listen("shell")).ok());
  const UniqueFd client = Connect("shell");
  ASSERT_TRUE(WriteAll(client.get(), "echo $((6*7))\nexit\n").ok());
  EXPECT_THAT(ReadUntil(client.get(), "the end of the stream"), HasSubstr("42\n"));
}

TEST_F(Debug, ShellsEndWithTheServices) {
  ASSERT_TRUE(debug_->ServeShells(Listen("shell")).ok());
  const UniqueFd client = Connect("shell");
  ASSERT_TRUE(WriteAll(client.get(), "echo $((6*7)); sleep 1000\n").ok());
  EXPECT_THAT(ReadUntil(client.get(), "42\n"), HasSubstr("42\n"));
  debug_.reset();
  ReadUntil(client.get(), "the end of the stream");
}

TEST(Vsock, ListensWhereTheKernelCan) {
  const auto socket = ListenVsock(51024);
  if (!socket.ok()) {
    EXPECT_EQ(socket.status().code(), StatusCode::kFailedPrecondition);
    EXPECT_THAT(socket.status().message(), HasSubstr("vsock"));
    GTEST_SKIP() << socket.status().message();
  }
  sockaddr_vm address{};
  socklen_t length = sizeof address;
  ASSERT_EQ(getsockname(socket->get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  EXPECT_EQ(address.svm_port, 51024U);
  EXPECT_EQ(address.svm_cid, VMADDR_CID_ANY);
  EXPECT_FALSE(ListenVsock(51024).ok()) << "taken";
}

TEST(Vsock, DevicesOnTheBus) {
  const testing::TempDir sys;
  EXPECT_FALSE(HasVsockDevice(sys.path()));
  sys.Write("bus/virtio/devices/virtio0/device", "0x0003\n");
  EXPECT_TRUE(HasSerialPort(sys.path()));
  EXPECT_FALSE(HasVsockDevice(sys.path()));
  sys.Write("bus/virtio/devices/virtio1/device", "0x0013\n");
  EXPECT_TRUE(HasVsockDevice(sys.path()));
}

}  // namespace
}  // namespace shoji::agent

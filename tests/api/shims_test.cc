// Shims that are processes: console, detached, joined, killed.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "fixture.h"

namespace shoji::api_test {
namespace {

using testing::HasSubstr;

const Overrides kWithShims = {{"sandbox.proxy", "kataproxy"}, {"sandbox.shim", "katashim"}};

// A pty; processes take its other end by name.
class Pty {
 public:
  Pty() : fd_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    EXPECT_TRUE(fd_ >= 0 && grantpt(fd_) == 0 && unlockpt(fd_) == 0);
    name_ = ptsname(fd_);
    keep_ = open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);  // or reading fails without one
  }
  ~Pty() {
    close(keep_);
    close(fd_);
  }
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;

  const std::string& name() const { return name_; }
  void Type(const std::string& text) const {
    EXPECT_EQ(write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string ReadUntil(const std::string& text) const {
    std::string out;
    while (out.find(text) == std::string::npos) {
      char buffer[4096];
      const ssize_t n = read(fd_, buffer, sizeof buffer);
      if (n <= 0) break;
      out.append(buffer, static_cast<std::size_t>(n));
    }
    return out;
  }

 private:
  int fd_;
  int keep_ = -1;
  std::string name_;
};

std::string LinkOf(std::int32_t pid, const std::string& name) {
  char text[256] = {};
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const ssize_t n = readlink(path.c_str(), text, sizeof text - 1);
  return n < 0 ? "" : std::string(text, static_cast<std::size_t>(n));
}

class ShimsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(runtime_, nullptr);
    ContainerConfig container = Bed::Container("idle", kIdle);
    container.cmd.detach = true;
    auto pod = runtime_->RunSandbox(Bed::Pod("pod", {container}));
    ASSERT_TRUE(Ok(pod));
    pod_ = *pod;
  }
  void TearDown() override {
    if (pod_ != nullptr) {
      EXPECT_TRUE(Ok(pod_->Delete()));
    }
  }
  State StateOf(const std::string& container) const {
    const auto status = pod_->StatusContainer(container);
    EXPECT_TRUE(Ok(status));
    return status.ok() ? status->state : State::kPaused;
  }

  Bed bed_;
  std::unique_ptr<Runtime> runtime_ = bed_.NewRuntime(kWithShims);
  std::shared_ptr<Sandbox> pod_;
};

TEST_F(ShimsTest, ADetachedOneHasNobodysDescriptors) {
  const auto pid = pod_->ShimPid("idle", "idle");
  ASSERT_TRUE(Ok(pid));
  for (const char* fd : {"fd/0", "fd/1", "fd/2"}) EXPECT_EQ(LinkOf(*pid, fd), "/dev/null");
  EXPECT_EQ(pod_->StatusContainer("idle")->shim_pid, *pid);
  EXPECT_NE(LinkOf(*pid, "ns/pid"), LinkOf(getpid(), "ns/pid"));
}

TEST_F(ShimsTest, AConsoleIsTheTerminalOfAProcess) {
  const Pty pty;
  Cmd cmd;
  cmd.oci_process = R"({"terminal":true,"args":["/bin/sh","-c",
      "echo a''sk; read word; echo got $word; exit 5"],"env":["PATH=/bin"],"cwd":"/"})";
  cmd.console = pty.name();
  const auto process = pod_->EnterContainer("idle", cmd);
  ASSERT_TRUE(Ok(process));
  EXPECT_THAT(pty.ReadUntil("ask"), HasSubstr("ask"));
  const auto shim = pod_->ShimPid("idle", *process);
  ASSERT_TRUE(Ok(shim));
  EXPECT_EQ(LinkOf(*shim, "fd/1"), pty.name());
  EXPECT_EQ(LinkOf(*shim, "ns/pid"), LinkOf(*pod_->ShimPid("idle", "idle"), "ns/pid"));
  pty.Type("typed\n");
  EXPECT_THAT(pty.ReadUntil("got typed"), HasSubstr("got typed"));
  const auto exit = pod_->WaitProcess("idle", *process);
  ASSERT_TRUE(Ok(exit));
  EXPECT_EQ(*exit, 5);
}

TEST_F(ShimsTest, ExecsEndInAnyOrderAndOneAfterTheOther) {
  for (const int status : {0, 1, 2, 77}) {
    Cmd cmd = Command({"/bin/sh", "-c", "exit " + std::to_string(status)});
    cmd.detach = true;
    const auto process = pod_->EnterContainer("idle", cmd);
    ASSERT_TRUE(Ok(process));
    const auto exit = pod_->WaitProcess("idle", *process);
    ASSERT_TRUE(Ok(exit));
    EXPECT_EQ(*exit, status);
  }
  Cmd cmd = Command({"/bin/sleep", "1000"});
  cmd.detach = true;
  ASSERT_TRUE(Ok(pod_->EnterContainer("idle", cmd)));  // nobody waits for it
  ASSERT_TRUE(Ok(pod_->KillContainer("idle", SIGTERM)));
  const auto exit = pod_->WaitProcess("idle", "idle");
  ASSERT_TRUE(Ok(exit));
  EXPECT_EQ(*exit, 0);
  EXPECT_EQ(StateOf("idle"), State::kStopped);
}

TEST_F(ShimsTest, AKilledOneIsTheEndOfItsContainer) {
  KillAndWait(*pod_->ShimPid("idle", "idle"));
  EXPECT_EQ(StateOf("idle"), State::kStopped);
  EXPECT_TRUE(Fails(pod_->EnterContainer("idle", Command({"/bin/true"})),
                    StatusCode::kFailedPrecondition, {"stopped"}));
  ASSERT_TRUE(Ok(pod_->StartContainer("idle"))) << "anew";
  EXPECT_EQ(StateOf("idle"), State::kRunning);
  KillAndWait(*pod_->ShimPid("idle", "idle"));
  ASSERT_TRUE(Ok(pod_->DeleteContainer("idle")));
}

TEST_F(ShimsTest, OthersSeeItAndMayStopIt) {
  const std::int32_t shim = *pod_->ShimPid("idle", "idle");
  ASSERT_TRUE(Ok(pod_->Release()));
  pod_ = nullptr;
  const auto other = bed_.NewRuntime(kWithShims);
  auto pod = other->FetchSandbox("pod");
  ASSERT_TRUE(Ok(pod));
  EXPECT_EQ(*(*pod)->ShimPid("idle", "idle"), shim);
  ASSERT_TRUE(Ok((*pod)->KillContainer("idle", SIGKILL)));
  const auto exit = (*pod)->WaitProcess("idle", "idle");
  ASSERT_TRUE(Ok(exit));
  EXPECT_EQ(*exit, 128 + SIGKILL) << "the guest knows it";
  EXPECT_TRUE(Ok((*pod)->Delete()));
}

}  // namespace
}  // namespace shoji::api_test

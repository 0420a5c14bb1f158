// Operation of a whole sandbox: pause, resume, statistics, monitor.
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>

#include "fixture.h"

namespace shoji::api_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class OperationsTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    auto pod = runtime_->RunSandbox(Bed::Pod("pod", {Bed::Container("one", kIdle)}));
    ASSERT_TRUE(Ok(pod));
    pod_ = *pod;
  }
  void TearDown() override {
    if (pod_ != nullptr) {
      EXPECT_TRUE(Ok(pod_->Delete()));
    }
  }
  std::shared_ptr<Sandbox> pod_;
};

TEST_F(OperationsTest, APausedSandboxStandsStillAndGoesOn) {
  ASSERT_TRUE(Ok(pod_->Pause()));
  EXPECT_EQ(Recorded("pod"), State::kPaused);
  EXPECT_TRUE(Fails(pod_->Pause(), StatusCode::kFailedPrecondition, {"paused"}));
  EXPECT_TRUE(Fails(pod_->Start(), StatusCode::kFailedPrecondition, {"paused"}));
  EXPECT_TRUE(Fails(pod_->EnterContainer("one", Command({"/bin/true"})),
                    StatusCode::kFailedPrecondition, {"paused"}));
  ASSERT_TRUE(Ok(pod_->Resume()));
  EXPECT_EQ(Recorded("pod"), State::kRunning);
  EXPECT_TRUE(Fails(pod_->Resume(), StatusCode::kFailedPrecondition, {"running"}));
  EXPECT_EQ(Exec(*pod_, "one", "echo on"), "on\n");
}

TEST_F(OperationsTest, TheClockIsRightAfterAPause) {
  ASSERT_TRUE(Ok(pod_->Pause()));
  // Nothing happens that could be waited for: time itself passes.
  const timespec pause = {2, 500000000};
  nanosleep(&pause, nullptr);
  ASSERT_TRUE(Ok(pod_->Resume()));
  const long before = time(nullptr);
  const long guest = std::stol(Exec(*pod_, "one", "date +%s"));
  const long after = time(nullptr);
  EXPECT_GE(guest, before - 1);
  EXPECT_LE(guest, after + 1);
}

TEST_F(OperationsTest, APausedSandboxCanBeStopped) {
  ASSERT_TRUE(Ok(pod_->Pause()));
  ASSERT_TRUE(Ok(pod_->Stop(true)));
  EXPECT_EQ(Recorded("pod"), State::kStopped);
  EXPECT_TRUE(Fails(pod_->Pause(), StatusCode::kFailedPrecondition, {"stopped"}));
  EXPECT_TRUE(Fails(pod_->Stats(), StatusCode::kUnavailable));
}

TEST_F(OperationsTest, StatsCountTheVm) {
  const auto first = pod_->Stats();
  ASSERT_TRUE(Ok(first));
  EXPECT_GT(first->resident_bytes, 0U);
  EXPECT_GT(first->cpu_ns, 0U);
  Exec(*pod_, "one", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
  const auto second = pod_->Stats();
  ASSERT_TRUE(Ok(second));
  EXPECT_GT(second->cpu_ns, first->cpu_ns);
}

TEST_F(OperationsTest, TheMonitorTellsOfExits) {
  ASSERT_TRUE(Ok(pod_->CreateContainer(Bed::Container("short", "exit 5"))));
  auto monitor = pod_->Monitor();
  ASSERT_TRUE(Ok(monitor));
  ASSERT_TRUE(Ok(pod_->StartContainer("short")));
  const auto event = (*monitor)->Next();
  ASSERT_TRUE(Ok(event));
  EXPECT_EQ(event->kind, SandboxEvent::Kind::kContainerExit);
  EXPECT_EQ(event->container_id, "short");
  EXPECT_EQ(event->exit_status, 5);
}

TEST_F(OperationsTest, TheMonitorTellsOfTheEndOfTheVm) {
  auto monitor = pod_->Monitor();
  ASSERT_TRUE(Ok(monitor));
  pollfd quiet = {(*monitor)->fd(), POLLIN, 0};
  EXPECT_EQ(poll(&quiet, 1, 0), 0);
  KillAndWait(runtime_->StatusSandbox("pod")->vm_pids[0]);
  for (;;) {
    const auto event = (*monitor)->Next();
    ASSERT_TRUE(Ok(event));
    if (event->kind == SandboxEvent::Kind::kVmEnded) break;
    EXPECT_EQ(event->kind, SandboxEvent::Kind::kContainerExit);
  }
  EXPECT_EQ(Recorded("pod"), State::kStopped);
  EXPECT_TRUE(
      Fails(pod_->EnterContainer("one", Command({"/bin/true"})), StatusCode::kFailedPrecondition));
}

TEST_F(OperationsTest, TheMonitorEndsWithTheSandbox) {
  auto monitor = pod_->Monitor();
  ASSERT_TRUE(Ok(monitor));
  ASSERT_TRUE(Ok(pod_->Stop()));
  auto event = (*monitor)->Next();
  for (; event.ok() && event->kind != SandboxEvent::Kind::kStopped; event = (*monitor)->Next()) {
    EXPECT_EQ(event->kind, SandboxEvent::Kind::kContainerExit);
  }
  EXPECT_TRUE(Ok(event));
  EXPECT_TRUE(Fails((*monitor)->Next(), StatusCode::kOutOfRange));
}

TEST_F(OperationsTest, AMonitorCanBeCancelled) {
  auto monitor = pod_->Monitor();
  ASSERT_TRUE(Ok(monitor));
  (*monitor)->Cancel();
  EXPECT_TRUE(Fails((*monitor)->Next(), StatusCode::kCancelled));
}

// A share that the guest has mounted cannot be part of a snapshot.
TEST_F(OperationsTest, SaveSaysWhatCannotBeSaved) {
  const std::string dir = bed_.Path("snapshot");
  const auto saved = pod_->Save(dir);
  EXPECT_FALSE(saved.ok());
  EXPECT_TRUE(saved.code() == StatusCode::kFailedPrecondition ||
              saved.code() == StatusCode::kUnimplemented)
      << saved.message();
  EXPECT_NE(access(dir.c_str(), F_OK), 0) << "nothing of it is left";
  EXPECT_EQ(Recorded("pod"), State::kRunning);
  EXPECT_EQ(Exec(*pod_, "one", "echo on"), "on\n");
}

}  // namespace
}  // namespace shoji::api_test

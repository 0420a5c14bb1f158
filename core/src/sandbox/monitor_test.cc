// Events of a sandbox, each once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <memory>
#include <thread>

#include "host/event_queue.h"
#include "shoji/plugin/agent_ext.h"
#include "testing/pod_test.h"

namespace shoji {
namespace {

using Kind = SandboxEvent::Kind;
using ::testing::HasSubstr;

bool Readable(int fd, int timeout_ms) {
  pollfd item = {fd, POLLIN, 0};
  return poll(&item, 1, timeout_ms) > 0;
}

class MonitorTest : public testing::PodTest {
 protected:
  void SetUp() override {
    PodTest::SetUp();
    auto pod = management_.Run(Pod());
    ASSERT_TRUE(pod.ok()) << pod.status().message();
    pod_ = *pod;
  }
  std::unique_ptr<SandboxMonitor> Watch() {
    auto monitor = pod_->Monitor();
    EXPECT_TRUE(monitor.ok()) << monitor.status().message();
    return std::move(*monitor);
  }
  void ExpectEnd(SandboxMonitor& monitor) {
    EXPECT_EQ(monitor.Next()->kind, Kind::kStopped);
    EXPECT_TRUE(Readable(monitor.fd(), 0));
    EXPECT_EQ(monitor.Next().status().code(), StatusCode::kOutOfRange);
  }
  std::shared_ptr<SandboxObject> pod_;
};

TEST_F(MonitorTest, TellsExitsToEveryMonitorOnce) {
  const auto first = Watch();
  const auto second = Watch();
  EXPECT_FALSE(Readable(first->fd(), 0));
  world_.EndProcess("one", "one");
  for (SandboxMonitor* monitor : {first.get(), second.get()}) {
    ASSERT_TRUE(Readable(monitor->fd(), 10'000));
    const auto event = monitor->Next();
    EXPECT_EQ(event->kind, Kind::kContainerExit);
    EXPECT_EQ(event->container_id, "one");
    EXPECT_EQ(event->exit_status, 7);
  }
  EXPECT_EQ(StateOf("one"), State::kStopped);  // before it was told
  ASSERT_TRUE(pod_->StartContainer("one").ok());
  world_.EndProcess("one", "one");
  EXPECT_EQ(first->Next()->container_id, "one");  // of the second run
  EXPECT_EQ(second->Next()->container_id, "one");
  ASSERT_TRUE(pod_->Delete().ok());
  for (SandboxMonitor* monitor : {first.get(), second.get()}) {
    auto event = monitor->Next();
    if (event.ok() && event->kind == Kind::kContainerExit) {  // Delete() has ended it
      EXPECT_EQ(event->container_id, "two");
      event = monitor->Next();
    }
    EXPECT_EQ(event->kind, Kind::kStopped);
    EXPECT_EQ(monitor->Next().status().code(), StatusCode::kOutOfRange);
  }
}

TEST_F(MonitorTest, FindsContainersThatComeLaterAndFromOthers) {
  const auto monitor = Watch();
  const auto other = testing::MakeFakeContext(world_);
  auto theirs = Management(other).Fetch("pod");
  ASSERT_TRUE(theirs.ok());
  ASSERT_TRUE((*theirs)->CreateContainer(Container("three")).ok());
  ASSERT_TRUE((*theirs)->StartContainer("three").ok());
  world_.EndProcess("three", "three");
  EXPECT_EQ(monitor->Next()->container_id, "three");
  theirs->reset();
  other->ForgetAll();
  ASSERT_TRUE(pod_->Delete().ok());
}

TEST_F(MonitorTest, TellsOfMemoryOnlyOfItsOwnContainers) {
  const auto monitor = Watch();
  world_.RunOut("stranger");
  world_.RunOut("two");
  const auto event = monitor->Next();
  EXPECT_EQ(event->kind, Kind::kOutOfMemory);
  EXPECT_EQ(event->container_id, "two");
  ASSERT_TRUE(pod_->Delete().ok());
}

TEST_F(MonitorTest, TellsTheEndOfTheVmAlsoToLateComers) {
  const auto monitor = Watch();
  kill(management_.GetStatus("pod")->vm_pids.at(0), SIGKILL);
  const auto event = monitor->Next();
  EXPECT_EQ(event->kind, Kind::kVmEnded);
  EXPECT_EQ(event->text, "guest panicked");
  const auto late = Watch();
  EXPECT_EQ(late->Next()->kind, Kind::kVmEnded);
  ASSERT_TRUE(pod_->Stop(true).ok());
  ExpectEnd(*monitor);
  ExpectEnd(*late);
  const auto after = Watch();  // of a sandbox that is stopped
  ExpectEnd(*after);
  ASSERT_TRUE(pod_->Delete().ok());
  EXPECT_EQ(pod_->Monitor().status().code(), StatusCode::kNotFound);
}

TEST_F(MonitorTest, AnOrderlyStopElsewhereIsNoFailure) {
  const auto monitor = Watch();
  const auto other = testing::MakeFakeContext(world_);
  ASSERT_TRUE(Management(other).Delete("pod").ok());
  auto event = monitor->Next();
  while (event.ok() && event->kind == Kind::kContainerExit) event = monitor->Next();
  EXPECT_EQ(event->kind, Kind::kStopped);
}

TEST_F(MonitorTest, TellsThatTheAgentIsLostOnce) {
  const auto monitor = Watch();
  world_.LoseAgent();
  const auto event = monitor->Next();
  EXPECT_EQ(event->kind, Kind::kAgentLost);
  EXPECT_THAT(event->text, HasSubstr("no answer"));
  ASSERT_TRUE(pod_->Delete().ok());
  ExpectEnd(*monitor);
}

TEST_F(MonitorTest, AnAgentThatCountsNoMemory) {
  world_.Without(SHOJI_AGENT_OOM_V1);
  const auto monitor = Watch();
  world_.EndProcess("two", "two");
  EXPECT_EQ(monitor->Next()->container_id, "two");
  ASSERT_TRUE(pod_->Delete().ok());
}

TEST_F(MonitorTest, CancelReleaseAndDestruction) {
  auto monitor = Watch();
  std::thread waiter([&] { EXPECT_EQ(monitor->Next().status().code(), StatusCode::kCancelled); });
  monitor->Cancel();
  waiter.join();
  EXPECT_EQ(monitor->Next().status().code(), StatusCode::kCancelled);
  monitor.reset();
  const auto second = Watch();
  ASSERT_TRUE(pod_->Release().ok());
  EXPECT_EQ(second->Next().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(world_.Live("agent"), 0);
  const auto third = Watch();  // over a new way to the guest
  world_.EndProcess("one", "one");
  EXPECT_EQ(third->Next()->container_id, "one");
  ASSERT_TRUE(pod_->Delete().ok());
  ExpectNothingLeft();
}

TEST(EventQueue, AFloodOfOneContainerDoesNotGrow) {
  EventQueue queue;
  for (int i = 0; i < 100'000; ++i) queue.Push({Kind::kOutOfMemory, "a", 0, ""});
  queue.Push({Kind::kOutOfMemory, "b", 0, ""});
  queue.Push({Kind::kContainerExit, "a", 1, ""});
  queue.Push({Kind::kStopped, "", 0, ""});
  queue.Push({Kind::kVmEnded, "", 0, ""});  // nothing comes after it
  int taken = 0;
  std::string last;
  while (true) {
    const auto event = queue.Next();
    if (!event.ok()) break;
    ++taken;
    last += event->kind == Kind::kOutOfMemory && event->container_id == "a" ? "" : "x";
  }
  EXPECT_EQ(last, "xxx");
  EXPECT_LT(taken, 1000);
}

}  // namespace
}  // namespace shoji

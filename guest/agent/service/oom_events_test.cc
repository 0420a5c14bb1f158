// Ends by lack of memory, in cgroup files of the test's own.

#include "service/oom_events.h"

#include <gtest/gtest.h>

#include "shoji-kata/agent.pb.h"
#include "testing/fake_call.h"
#include "testing/files.h"

namespace shoji::agent {
namespace {

using testing::FakeOwner;
using testing::RunUntil;

class Oom : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = Loop::Create();
    ASSERT_TRUE(loop.ok());
    loop_ = std::move(*loop);
    oom_ = std::make_unique<OomEvents>(loop_.get());
    Count("a", 0);
    Count("b", 5);
    ASSERT_TRUE(oom_->Watch("a", dir_ / "a").ok());
    ASSERT_TRUE(oom_->Watch("b", dir_ / "b").ok());
  }
  void Count(const std::string& group, int kills) {
    dir_.Write(group + "/memory.events", "low 0\nhigh 0\nmax 9\noom 9\noom_kill " +
                                             std::to_string(kills) + "\noom_group_kill 0\n");
  }
  static std::string Told(const FakeOwner& owner) {
    grpc::OOMEvent event;
    return owner.answered && event.ParseFromString(owner.message) ? event.container_id() : "-";
  }

  testing::TempDir dir_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<OomEvents> oom_;
};

TEST_F(Oom, OneCallerHearsOfOneEvent) {
  FakeOwner first;
  FakeOwner second;
  const auto one = first.MakeCall();
  const auto two = second.MakeCall();
  oom_->Next(one);
  oom_->Next(two);
  Count("b", 5);  // written, but nobody was killed
  Count("b", 7);
  RunUntil(loop_.get(), [&] { return first.answered; });
  EXPECT_EQ(Told(first), "b");
  EXPECT_FALSE(second.answered);
}

TEST_F(Oom, AnEventWaitsForACaller) {
  Count("a", 1);
  oom_->Unwatch("a");  // its last is told all the same
  oom_->Unwatch("a");
  FakeOwner owner;
  const auto call = owner.MakeCall();
  oom_->Next(call);
  EXPECT_EQ(Told(owner), "a");
  FakeOwner more;
  const auto waiting = more.MakeCall();
  oom_->Next(waiting);
  EXPECT_FALSE(more.answered);
}

TEST_F(Oom, ACallerThatHasGoneLosesNoEvent) {
  FakeOwner gone;
  FakeOwner stays;
  const auto first = gone.MakeCall();
  const auto second = stays.MakeCall();
  oom_->Next(first);
  oom_->Next(second);
  first->Abandon();
  Count("a", 1);
  RunUntil(loop_.get(), [&] { return stays.answered; });
  EXPECT_EQ(Told(stays), "a");
  EXPECT_FALSE(gone.answered);
}

TEST_F(Oom, AGroupWithoutMemoryCannotBeWatched) {
  const Status status = oom_->Watch("c", dir_ / "c");
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  oom_->Unwatch("c");
}

TEST_F(Oom, AGroupThatGoesIsNoEvent) {
  FakeOwner owner;
  const auto call = owner.MakeCall();
  oom_->Next(call);
  std::filesystem::remove_all(dir_ / "a");
  Count("b", 6);
  RunUntil(loop_.get(), [&] { return owner.answered; });
  EXPECT_EQ(Told(owner), "b");
  oom_->Unwatch("a");
}

}  // namespace
}  // namespace shoji::agent

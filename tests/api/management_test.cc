// Sandbox management: class Runtime.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "fixture.h"

namespace shoji::api_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

using ManagementTest = ApiTest;

TEST_F(ManagementTest, CreateSandboxStartsTheVmAndNoContainer) {
  auto pod = runtime_->CreateSandbox(
      Bed::Pod("pod", {Bed::Container("one", kIdle), Bed::Container("two", kIdle)}));
  ASSERT_TRUE(Ok(pod));
  EXPECT_EQ((*pod)->id(), "pod");
  const auto status = other_->StatusSandbox("pod");
  ASSERT_TRUE(Ok(status));
  EXPECT_EQ(status->state, State::kReady);
  EXPECT_EQ(status->hypervisor, Bed::Hypervisor());
  EXPECT_EQ(status->owner_pid, getpid());
  ASSERT_THAT(status->vm_pids, testing::Not(IsEmpty()));
  EXPECT_EQ(kill(status->vm_pids[0], 0), 0);
  ASSERT_THAT(status->containers, SizeIs(2));
  for (const auto& container : status->containers) {
    EXPECT_EQ(container.state, State::kReady);
    EXPECT_EQ(container.started_unix_ns, 0);
  }

  EXPECT_TRUE(Fails(runtime_->CreateSandbox(Bed::Pod("pod")), StatusCode::kAlreadyExists, {"pod"}));
  EXPECT_TRUE(Fails(other_->CreateSandbox(Bed::Pod("pod")), StatusCode::kAlreadyExists, {"pod"}));
  EXPECT_TRUE(Fails(runtime_->CreateSandbox(Bed::Pod("b", {Bed::Container("two", kIdle)})),
                    StatusCode::kAlreadyExists, {"two"}));
  EXPECT_THAT(*other_->ListSandboxes(), SizeIs(1));
  EXPECT_TRUE(Ok(runtime_->DeleteSandbox("pod")));
  EXPECT_THAT(bed_.Leftovers(), IsEmpty());
}

TEST_F(ManagementTest, CreateSandboxRefusesBadConfigurationsAndLeavesNothing) {
  EXPECT_TRUE(Fails(runtime_->CreateSandbox(Bed::Pod("")), StatusCode::kInvalidArgument));
  EXPECT_TRUE(
      Fails(runtime_->CreateSandbox(Bed::Pod("a/b")), StatusCode::kInvalidArgument, {"a/b"}));
  auto twice = Bed::Pod("pod", {Bed::Container("one", kIdle), Bed::Container("one", kIdle)});
  EXPECT_TRUE(Fails(runtime_->CreateSandbox(twice), StatusCode::kInvalidArgument, {"one"}));
  auto missing = Bed::Container("one", kIdle);
  missing.rootfs.source = bed_.Path("not-there");
  EXPECT_TRUE(Fails(runtime_->CreateSandbox(Bed::Pod("pod", {missing})), StatusCode::kNotFound,
                    {"not-there", "one"}));
  EXPECT_THAT(bed_.Leftovers(), IsEmpty());
  EXPECT_THAT(*other_->ListSandboxes(), IsEmpty());
}

TEST_F(ManagementTest, ASandboxGoesThroughItsLife) {
  auto pod = runtime_->RunSandbox(
      Bed::Pod("pod", {Bed::Container("one", kIdle), Bed::Container("two", "exit 3")}));
  ASSERT_TRUE(Ok(pod));
  EXPECT_EQ(Recorded("pod"), State::kRunning);
  EXPECT_EQ(*(*pod)->WaitProcess("two", "two"), 3);
  EXPECT_EQ(RecordedContainer("pod", "two"), State::kStopped);
  EXPECT_EQ(RecordedContainer("pod", "one"), State::kRunning);
  EXPECT_TRUE(Fails((*pod)->Start(), StatusCode::kFailedPrecondition, {"running", "pod"}));

  const auto pids = runtime_->StatusSandbox("pod")->vm_pids;
  ASSERT_TRUE(Ok(runtime_->StopSandbox("pod")));
  EXPECT_EQ(Recorded("pod"), State::kStopped);
  EXPECT_EQ(RecordedContainer("pod", "one"), State::kStopped);
  EXPECT_THAT(other_->StatusSandbox("pod")->vm_pids, IsEmpty());
  EXPECT_NE(kill(pids[0], 0), 0) << "the VM is stopped only when its process is gone";
  EXPECT_TRUE(Ok(runtime_->StopSandbox("pod"))) << "stopping again changes nothing";
  EXPECT_TRUE(Fails((*pod)->StartContainer("one"), StatusCode::kFailedPrecondition, {"stopped"}));

  ASSERT_TRUE(Ok(runtime_->StartSandbox("pod")));
  EXPECT_EQ(Recorded("pod"), State::kRunning);
  EXPECT_EQ(RecordedContainer("pod", "one"), State::kRunning);
  EXPECT_NE(other_->StatusSandbox("pod")->vm_pids, pids);

  ASSERT_TRUE(Ok(runtime_->DeleteSandbox("pod")));
  EXPECT_TRUE(Fails(other_->StatusSandbox("pod"), StatusCode::kNotFound, {"pod"}));
  EXPECT_TRUE(Fails(runtime_->DeleteSandbox("pod"), StatusCode::kNotFound, {"pod"}));
  EXPECT_TRUE(Fails(runtime_->StopSandbox("pod"), StatusCode::kNotFound, {"pod"}));
  EXPECT_TRUE(Fails(runtime_->StartSandbox("pod"), StatusCode::kNotFound, {"pod"}));
  EXPECT_TRUE(Fails(runtime_->FetchSandbox("pod"), StatusCode::kNotFound, {"pod"}));
}

TEST_F(ManagementTest, RunSandboxLeavesNothingWhenACommandCannotStart) {
  auto bad = Bed::Container("bad", "");
  bad.cmd.args = {"/no/such/program"};
  const auto run = runtime_->RunSandbox(Bed::Pod("pod", {Bed::Container("one", kIdle), bad}));
  EXPECT_TRUE(Fails(run, StatusCode::kNotFound, {"bad", "/no/such/program"}));
  EXPECT_THAT(bed_.Leftovers(), IsEmpty());
}

TEST_F(ManagementTest, StartSandboxStopsWhatItStartedWhenOneFails) {
  auto bad = Bed::Container("bad", "");
  bad.cmd.args = {"/no/such/program"};
  auto pod = runtime_->CreateSandbox(Bed::Pod("pod", {Bed::Container("one", kIdle), bad}));
  ASSERT_TRUE(Ok(pod));
  EXPECT_TRUE(Fails((*pod)->Start(), StatusCode::kNotFound, {"/no/such/program"}));
  EXPECT_NE(RecordedContainer("pod", "one"), State::kRunning);
  EXPECT_NE(Recorded("pod"), State::kRunning);
  EXPECT_TRUE(Ok((*pod)->Delete()));
}

TEST_F(ManagementTest, ListAndIndexFindEveryContainer) {
  auto a = runtime_->CreateSandbox(Bed::Pod("a", {Bed::Container("a1", kIdle)}));
  ASSERT_TRUE(Ok(a));
  auto b = runtime_->CreateSandbox(
      Bed::Pod("b", {Bed::Container("b1", kIdle), Bed::Container("b2", kIdle)}));
  ASSERT_TRUE(Ok(b));
  std::vector<std::string> ids;
  const auto sandboxes = other_->ListSandboxes();
  ASSERT_TRUE(Ok(sandboxes));
  for (const auto& status : *sandboxes) ids.push_back(status.id);
  EXPECT_THAT(ids, UnorderedElementsAre("a", "b"));
  ids.clear();
  const auto containers = other_->ListContainers();
  ASSERT_TRUE(Ok(containers));
  for (const auto& container : *containers) {
    ids.push_back(container.sandbox_id + "/" + container.id);
  }
  EXPECT_THAT(ids, UnorderedElementsAre("a/a1", "b/b1", "b/b2"));
  EXPECT_EQ(*other_->SandboxOfContainer("b2"), "b");
  EXPECT_TRUE(Fails(other_->SandboxOfContainer("none"), StatusCode::kNotFound, {"none"}));
  ASSERT_TRUE(Ok((*b)->Delete()));
  EXPECT_TRUE(Fails(other_->SandboxOfContainer("b2"), StatusCode::kNotFound, {"b2"}));
  ASSERT_TRUE(Ok((*a)->Delete()));
}

TEST_F(ManagementTest, AnotherRuntimeFetchesWhatWasReleased) {
  auto pod = runtime_->RunSandbox(Bed::Pod("pod", {Bed::Container("one", kIdle)}));
  ASSERT_TRUE(Ok(pod));
  const auto pids = runtime_->StatusSandbox("pod")->vm_pids;
  ASSERT_TRUE(Ok((*pod)->Release()));
  pod->reset();
  EXPECT_TRUE(other_->StatusSandbox("pod")->released);
  EXPECT_THAT(other_->CollectGarbage()->items, IsEmpty()) << "a released sandbox is no garbage";

  auto again = other_->FetchSandbox("pod");
  ASSERT_TRUE(Ok(again));
  EXPECT_EQ(other_->StatusSandbox("pod")->vm_pids, pids);
  EXPECT_EQ(Exec(**again, "one", "echo alive"), "alive\n");
  EXPECT_TRUE(Ok((*again)->Delete()));
}

TEST_F(ManagementTest, GarbageOfADeadVmIsCollected) {
  auto pod = runtime_->RunSandbox(Bed::Pod("pod", {Bed::Container("one", kIdle)}));
  ASSERT_TRUE(Ok(pod));
  const auto pids = runtime_->StatusSandbox("pod")->vm_pids;
  ASSERT_TRUE(Ok((*pod)->Release()));
  pod->reset();
  KillAndWait(pids[0]);
  auto collector = bed_.NewRuntime();
  const auto would = collector->CollectGarbage(true);
  ASSERT_TRUE(Ok(would));
  EXPECT_THAT(would->items, testing::Not(IsEmpty()));
  for (const auto& item : would->items) EXPECT_FALSE(item.removed);
  const auto did = collector->CollectGarbage();
  ASSERT_TRUE(Ok(did));
  for (const auto& item : did->items) EXPECT_EQ(item.error, "") << item.kind << " " << item.name;
  EXPECT_THAT(bed_.Leftovers(), IsEmpty());
}

}  // namespace
}  // namespace shoji::api_test

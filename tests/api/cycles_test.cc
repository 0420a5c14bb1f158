// Many sandboxes, one after the other and at the same time: nothing adds up.
#include <gmock/gmock.h>

#include <future>

#include "fixture.h"

namespace shoji::api_test {
namespace {

using CyclesTest = ApiTest;

// The first cycles load plugins, fill pools and caches.
constexpr int kWarmUp = 3;
constexpr std::size_t kMemoryGrowthKib = 8192;

TEST_F(CyclesTest, CreateStartStopDeleteLeavesEverythingAsItWas) {
  const int cycles = Bed::OnQemu() ? 25 : 200;
  const auto cycle = [&](int i) {
    auto pod = runtime_->CreateSandbox(Bed::Pod("pod", {Bed::Container("one", "echo $((6*7))")}));
    ASSERT_TRUE(Ok(pod)) << "cycle " << i;
    ASSERT_TRUE(Ok((*pod)->Start()));
    EXPECT_EQ(ReadAll(**pod, "one", "one"), "42\n");
    EXPECT_EQ(*(*pod)->WaitProcess("one", "one"), 0);
    ASSERT_TRUE(Ok((*pod)->Stop()));
    ASSERT_TRUE(Ok((*pod)->Delete()));
  };
  for (int i = 0; i < kWarmUp && !HasFailure(); ++i) cycle(i);
  const Census before = TakeCensus(bed_.root());
  for (int i = 0; i < cycles && !HasFailure(); ++i) cycle(i);
  const Census after = TakeCensus(bed_.root());
  EXPECT_EQ(after.fds, before.fds);
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_EQ(after.mounts, before.mounts);
  EXPECT_LE(after.cgroups, before.cgroups) << "of the whole machine: others may take theirs away";
  EXPECT_EQ(after.namespaces, before.namespaces);
  EXPECT_EQ(after.marked_processes, before.marked_processes);
  EXPECT_LE(after.resident_kib, before.resident_kib + kMemoryGrowthKib);
}

TEST_F(CyclesTest, ManySandboxesAtOnceDoNotDisturbEachOther) {
  const int count = Bed::OnQemu() ? 8 : 30;
  const auto id = [](int i) { return "pod" + std::to_string(i); };
  std::vector<std::future<std::string>> running;
  for (int i = 0; i < count; ++i) {
    running.push_back(std::async(std::launch::async, [&, i] {
      auto pod =
          runtime_->RunSandbox(Bed::Pod(id(i), {Bed::Container("c" + std::to_string(i), kIdle)}));
      if (!pod.ok()) return pod.status().message();
      return Exec(**pod, "c" + std::to_string(i), "hostname");
    }));
  }
  for (int i = 0; i < count; ++i)
    EXPECT_EQ(running[static_cast<std::size_t>(i)].get(), id(i) + "\n");
  EXPECT_EQ(other_->ListSandboxes()->size(), static_cast<std::size_t>(count));
  std::vector<std::future<Status>> ending;
  for (int i = 0; i < count; ++i) {
    ending.push_back(
        std::async(std::launch::async, [&, i] { return runtime_->DeleteSandbox(id(i)); }));
  }
  for (auto& end : ending) EXPECT_TRUE(Ok(end.get()));
  EXPECT_THAT(bed_.Leftovers(), testing::IsEmpty());
}

}  // namespace
}  // namespace shoji::api_test

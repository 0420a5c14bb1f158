// Sandboxes from VMs that waited, in this process and in a server; whoever is killed when, no VM
// stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "cache_bed.h"
#include "shoji/base/file.h"

namespace shoji::factories_test {
namespace {

using api_test::Exec;
using api_test::Fails;
using api_test::kIdle;
using api_test::Ok;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CacheTest : public ::testing::Test {
 protected:
  static Overrides Cache(int size, Overrides more = {}) {
    more.emplace_back("sandbox.factory", "cache");
    more.emplace_back("factory.cache.size", std::to_string(size));
    return more;
  }
  std::unique_ptr<Runtime> NewRuntime(int size, const Overrides& more = {}) const {
    return bed_.NewRuntime(Cache(size, more));
  }
  static SandboxConfig Idle(const std::string& id) {
    return Bed::Pod(id, {Bed::Container(id, kIdle)});
  }
  bool Held(const std::string& sandbox) const {
    return !std::filesystem::is_empty(bed_.root() + "/run/sandboxes/" + sandbox) &&
           std::filesystem::exists(bed_.root() + "/run/sandboxes/" + sandbox + "/held");
  }
  // A whole life in a sandbox: its first container, one that comes later, a volume, another
  // process' eyes.
  void Use(Runtime& runtime, const std::string& id) {
    SandboxConfig config = Idle(id);
    const std::string file = bed_.MakeFile("volume-" + id, "of " + id);
    config.containers[0].mounts = {{file, "/tmp/volume", "bind", {"bind", "ro"}}};
    const auto sandbox = runtime.RunSandbox(config);
    ASSERT_TRUE(Ok(sandbox));
    EXPECT_EQ(Exec(**sandbox, id, "cat /tmp/volume"), "of " + id);
    EXPECT_TRUE(Ok((*sandbox)->CreateContainer(Bed::Container(id + "-late", kIdle))));
    EXPECT_TRUE(Ok((*sandbox)->StartContainer(id + "-late")));
    EXPECT_EQ(Exec(**sandbox, id + "-late", "echo late"), "late\n");
    const auto other = bed_.NewRuntime();
    const auto seen = other->FetchSandbox(id);
    ASSERT_TRUE(Ok(seen));
    EXPECT_EQ(Exec(**seen, id, "echo seen"), "seen\n");
  }
  void ExpectNothing() const {
    EXPECT_THAT(FactoryFiles(bed_.root()), IsEmpty());
    EXPECT_THAT(bed_.Leftovers(), IsEmpty());
  }
  void Collect() const {
    const auto report = bed_.NewRuntime()->CollectGarbage();
    ASSERT_TRUE(Ok(report));
    for (const auto& item : report->items) {
      EXPECT_TRUE(item.removed) << item.kind << " " << item.name << ": " << item.error;
    }
  }

  Bed bed_;
};

TEST_F(CacheTest, VmsThatWaitInTheCaller) {
  const auto runtime = NewRuntime(1);
  ASSERT_TRUE(Ok(runtime->PrepareFactory()));
  for (const char* const id : {"one", "two"}) {
    ASSERT_TRUE(AwaitReady(*runtime, 1));
    Use(*runtime, id);
    EXPECT_TRUE(Held(id)) << id << " was not made from a VM that waited";
  }
  EXPECT_TRUE(Ok(runtime->StopSandbox("one")));
  EXPECT_TRUE(Ok(runtime->StartSandbox("one")));  // with another VM
  EXPECT_TRUE(Ok(runtime->DeleteSandbox("one")));
  EXPECT_TRUE(Ok(runtime->DeleteSandbox("two")));
  EXPECT_TRUE(Ok(runtime->DestroyFactory()));
  EXPECT_TRUE(Ok(runtime->DestroyFactory()));
  ExpectNothing();
}

TEST_F(CacheTest, TheEndOfARuntimeEndsWhatWaits) {
  ASSERT_TRUE(Ok(NewRuntime(1)->PrepareFactory()));
  ExpectNothing();
}

TEST_F(CacheTest, VmsOfAServer) {
  const auto runtime = NewRuntime(2);
  EXPECT_EQ(Ready(*runtime), 0);  // no server is no error
  ServerProcess server(bed_.root(), Cache(2));
  ASSERT_TRUE(AwaitReady(*runtime, 2));
  Use(*runtime, "one");
  EXPECT_TRUE(Held("one"));
  // The sandbox outlives the server, and garbage collection knows whose VM is whose.
  EXPECT_EQ(server.End(SIGKILL), 128 + SIGKILL);
  Collect();
  EXPECT_EQ(FactoryFiles(bed_.root()).size(), 3U) << "socket, lock, and the link of a sandbox";
  const auto sandbox = bed_.NewRuntime()->FetchSandbox("one");
  ASSERT_TRUE(Ok(sandbox));
  EXPECT_EQ(Exec(**sandbox, "one", "echo alive"), "alive\n");
  // The next server takes the place of the dead one.
  ServerProcess next(bed_.root(), Cache(1));
  ASSERT_TRUE(AwaitReady(*runtime, 1));
  EXPECT_TRUE(Ok(runtime->DeleteSandbox("one")));
  EXPECT_EQ(next.End(SIGTERM), 0);
  ExpectNothing();
}

TEST_F(CacheTest, AContainerLivesInEachBeforeItWaits) {
  const auto runtime = NewRuntime(1);
  std::size_t read = 0;  // the servers write to one file
  for (const bool warm : {true, false}) {
    const Overrides more = {{"log.level", "debug"},
                            {"factory.cache.warm_up", warm ? "true" : "false"}};
    ServerProcess server(bed_.root(), Cache(1, more));
    ASSERT_TRUE(AwaitReady(*runtime, 1));
    const auto log = ReadFile(server.log());
    ASSERT_TRUE(Ok(log));
    EXPECT_EQ(log->find("a container lived and ended in VM", read) != std::string::npos, warm)
        << *log;
    read = log->size();
    // The sandbox may have one of that name: nothing of it is left.
    Use(*runtime, "warm");
    EXPECT_TRUE(Held("warm"));
    EXPECT_TRUE(Ok(runtime->DeleteSandbox("warm")));
    EXPECT_EQ(server.End(SIGTERM), 0);
  }
  ExpectNothing();
}

TEST_F(CacheTest, OneServerAtASocket) {
  const auto runtime = NewRuntime(1);
  ServerProcess server(bed_.root(), Cache(1));
  ASSERT_TRUE(AwaitReady(*runtime, 1));
  EXPECT_TRUE(Fails(runtime->ServeFactory(), StatusCode::kAlreadyExists,
                    {std::to_string(server.pid()), "already serves"}));
  EXPECT_TRUE(Ok(runtime->DestroyFactory()));  // asks it to end, and waits for that
  EXPECT_EQ(server.AwaitEnd(), 0);
  ExpectNothing();
}

TEST_F(CacheTest, AnotherKindOfVmIsMadeAnew) {
  std::string log;
  const auto runtime = NewRuntime(1);
  ServerProcess server(bed_.root(), Cache(1));
  ASSERT_TRUE(AwaitReady(*runtime, 1));
  const auto other = NewRuntime(1, {{"guest.kernel_params", "other=1"}});
  const std::string out = bed_.Path("run.log");
  const auto child =
      StartShoji(bed_.root(), Cache(1, {{"guest.kernel_params", "other=1"}}),
                 {"run", "--rootfs", Bed::SampleRootfs(), "--", "echo", "hello"}, out);
  ASSERT_NE(child, nullptr);
  const auto ended = child->Wait();
  ASSERT_TRUE(Ok(ended));
  EXPECT_EQ(ended->code, 0);
  const auto text = ReadFile(out);
  ASSERT_TRUE(Ok(text));
  EXPECT_THAT(*text, HasSubstr("hello"));
  EXPECT_THAT(*text, HasSubstr("kernel_params differs"));
  EXPECT_EQ(Ready(*runtime), 1) << "the VM was not touched";
  Use(*other, "odd");
  EXPECT_FALSE(Held("odd"));
  EXPECT_TRUE(Ok(other->DeleteSandbox("odd")));
  EXPECT_EQ(server.End(SIGINT), 0);
  ExpectNothing();
}

TEST_F(CacheTest, AVmThatDiesWaitingIsReplaced) {
  const auto runtime = NewRuntime(1);
  ServerProcess server(bed_.root(), Cache(1));
  ASSERT_TRUE(AwaitReady(*runtime, 1));
  const auto before = WaitingPids(*runtime);
  ASSERT_EQ(before.size(), 1U);
  api_test::KillAndWait(before[0]);
  const Deadline limit = Deadline::After(std::chrono::seconds(240));
  while (WaitingPids(*runtime) == before || Ready(*runtime) != 1) {
    ASSERT_FALSE(limit.passed());
    poll(nullptr, 0, 20);
  }
  Use(*runtime, "one");
  EXPECT_TRUE(Held("one"));
  EXPECT_TRUE(Ok(runtime->DeleteSandbox("one")));
  EXPECT_EQ(server.End(SIGTERM), 0);
  ExpectNothing();
}

TEST_F(CacheTest, AClientKilledAtAnyMomentLeavesNothing) {
  const int points = Bed::OnQemu() ? 4 : 12;
  const auto runtime = NewRuntime(1);
  ServerProcess server(bed_.root(), Cache(1));
  for (int point = 0; point < points; ++point) {
    SCOPED_TRACE("point " + std::to_string(point));
    ASSERT_TRUE(AwaitReady(*runtime, 1));
    const auto child = StartShoji(bed_.root(), Cache(1),
                                  {"run", "--rootfs", Bed::SampleRootfs(), "--", "sleep", "1000"},
                                  bed_.Path("run.log"));
    ASSERT_NE(child, nullptr);
    pollfd gone = {child->pidfd(), POLLIN, 0};
    poll(&gone, 1, (point + 1) * (Bed::OnQemu() ? 60 : 8));
    EXPECT_TRUE(Ok(child->Kill()));
    Collect();
  }
  EXPECT_EQ(server.End(SIGTERM), 0);
  Collect();
  ExpectNothing();
}

TEST_F(CacheTest, AServerKilledWhileItGivesLeavesNothing) {
  const int points = Bed::OnQemu() ? 3 : 8;
  const auto runtime = NewRuntime(1);
  for (int point = 0; point < points; ++point) {
    SCOPED_TRACE("point " + std::to_string(point));
    ServerProcess server(bed_.root(), Cache(1));
    ASSERT_TRUE(AwaitReady(*runtime, 1));
    const auto child = StartShoji(bed_.root(), Cache(1),
                                  {"run", "--rootfs", Bed::SampleRootfs(), "--", "echo", "ran"},
                                  bed_.Path("run.log"));
    ASSERT_NE(child, nullptr);
    pollfd gone = {child->pidfd(), POLLIN, 0};
    poll(&gone, 1, (point + 1) * (Bed::OnQemu() ? 40 : 6));
    EXPECT_EQ(server.End(SIGKILL), 128 + SIGKILL);
    const auto ended = child->Wait();  // from that VM or another one
    ASSERT_TRUE(Ok(ended));
    EXPECT_EQ(ended->code, 0) << *ReadFile(bed_.Path("run.log"));
    Collect();
    EXPECT_THAT(bed_.Leftovers(), IsEmpty());
  }
}

TEST_F(CacheTest, TenAreTenAndNotMore) {
  if (Bed::OnQemu()) GTEST_SKIP() << "that would take a minute";
  const auto runtime = NewRuntime(10);
  ServerProcess server(bed_.root(), Cache(10));
  ASSERT_TRUE(AwaitReady(*runtime, 10));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Ok(runtime->RunSandbox(Idle("s" + std::to_string(i)))));
  }
  ASSERT_TRUE(AwaitReady(*runtime, 10));
  auto pids = WaitingPids(*runtime);
  std::sort(pids.begin(), pids.end());
  EXPECT_EQ(std::unique(pids.begin(), pids.end()) - pids.begin(), 10);
  const auto files = FactoryFiles(bed_.root());
  EXPECT_EQ(files.size(), 10U + 3U + 2U) << "those that wait, links, socket and lock";
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Ok(runtime->DeleteSandbox("s" + std::to_string(i))));
  }
  EXPECT_EQ(server.End(SIGTERM), 0);
  ExpectNothing();
}

TEST_F(CacheTest, ALargerSandboxIsPlugged) {
  if (!Bed::OnQemu()) GTEST_SKIP() << "there is no machine to enlarge";
  const auto runtime = NewRuntime(1);
  ASSERT_TRUE(Ok(runtime->PrepareFactory()));
  SandboxConfig config = Idle("large");
  config.vcpus = 2;
  config.memory_bytes = 512U << 20U;
  const auto sandbox = runtime->RunSandbox(config);
  ASSERT_TRUE(Ok(sandbox));
  EXPECT_TRUE(Held("large"));
  EXPECT_EQ(Exec(**sandbox, "large", "nproc"), "2\n");
  const std::string kib = Exec(**sandbox, "large", "awk '/MemTotal/ {print $2}' /proc/meminfo");
  EXPECT_GT(std::stoul(kib), 400U << 10U);
  EXPECT_TRUE(Ok((*sandbox)->Delete()));
  EXPECT_TRUE(Ok(runtime->DestroyFactory()));
  ExpectNothing();
}

TEST_F(CacheTest, TwoThatWaitedAreTwo) {
  if (!Bed::OnQemu()) GTEST_SKIP() << "they share the host's kernel";
  const auto runtime = NewRuntime(2);
  ASSERT_TRUE(Ok(runtime->PrepareFactory()));
  std::map<std::string, std::string> seen;
  for (const char* const id : {"a", "b"}) {
    const auto sandbox = runtime->RunSandbox(Idle(id));
    ASSERT_TRUE(Ok(sandbox));
    const std::string random =
        Exec(**sandbox, id,
             "head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/boot_id");
    EXPECT_TRUE(seen.emplace(random, id).second);
    const long guest = std::stol(Exec(**sandbox, id, "date +%s"));
    EXPECT_LE(std::abs(guest - static_cast<long>(time(nullptr))), 5);
    EXPECT_TRUE(Ok((*sandbox)->Delete()));
  }
  EXPECT_TRUE(Ok(runtime->DestroyFactory()));
  ExpectNothing();
}

}  // namespace
}  // namespace shoji::factories_test

// Processes through shoji.spawn/1, by the fake host, which really starts them.
#include "shoji/sdk/spawn.h"

#include <gtest/gtest.h>

#include <csignal>

#include "shoji/sdk/testing/fake_host.h"
#include "shoji/sdk/wait.h"

namespace shoji::sdk {
namespace {

using testing::FakeCall;
using testing::FakeHost;

TEST(Spawn, HandsOverArgumentsEnvironmentAndDescriptors) {
  FakeHost fake;
  int out[2];
  ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
  const SpawnRequest request{
      .sandbox_id = "s1",
      .argv = {"/bin/sh", "-c", "echo $0 $WORD $SHOJI_SANDBOX_DIR; exit 7", "zero"},
      .env = {"WORD=hello"},
      .fds = {{out[1], 1}}};
  Result<Process> process = Spawn(Host(fake.raw()), request);
  close(out[1]);
  ASSERT_TRUE(process.ok()) << process.status().message();
  char text[200] = {};
  EXPECT_GT(read(out[0], text, sizeof text - 1), 0);
  close(out[0]);
  EXPECT_STREQ(text, "zero hello /fake/sandboxes/s1\n");
  EXPECT_EQ(process->Reap(), 7);
  EXPECT_EQ(process->Reap(), -1);  // only once
  ASSERT_EQ(fake.spawned().size(), 1U);
  EXPECT_EQ(fake.spawned()[0][0], "/bin/sh");
}

TEST(Spawn, KillsAndReaps) {
  FakeHost fake;
  Result<Process> process = Spawn(Host(fake.raw()), {.argv = {"/bin/sleep", "1000"}});
  ASSERT_TRUE(process.ok()) << process.status().message();
  EXPECT_TRUE(process->Kill(SIGKILL).ok());
  const FakeCall call{std::chrono::seconds(20)};
  EXPECT_TRUE(WaitUntilReady(call.raw(), process->pidfd(), POLLIN, "its end").ok());
  EXPECT_EQ(process->Reap(), 128 + SIGKILL);
  EXPECT_TRUE(process->Kill(SIGKILL).ok());  // gone is a success
}

TEST(Spawn, MakesAndJoinsPidNamespaces) {
  FakeHost fake;
  const Host host(fake.raw());
  Result<Process> first = Spawn(host, {.argv = {"/bin/sh", "-c", "[ $$ = 1 ] && exec sleep 1000"},
                                       .new_pid_namespace = true});
  ASSERT_TRUE(first.ok()) << first.status().message();
  Result<Process> second = Spawn(host, {.argv = {"/bin/sh", "-c", "[ $$ != 1 ] && exec sleep 1000"},
                                        .netns = "/proc/self/ns/net",
                                        .join_pid = first->pid()});
  ASSERT_TRUE(second.ok()) << second.status().message();
  EXPECT_TRUE(first->Kill(SIGKILL).ok());
  EXPECT_EQ(second->Reap(), 128 + SIGKILL) << "process 1 takes it along";
  EXPECT_EQ(first->Reap(), 128 + SIGKILL);
  EXPECT_FALSE(Spawn(host, {.argv = {"/bin/true"}, .netns = "/not/there"}).ok());
}

TEST(Spawn, NamesWhatCannotBeStarted) {
  FakeHost fake;
  const Host host(fake.raw());
  const Status missing = Spawn(host, {.argv = {"/not/there"}}).status();
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  EXPECT_NE(missing.message().find("/not/there"), std::string::npos);
  EXPECT_EQ(Spawn(host, {.argv = {"/etc/passwd"}}).status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(Spawn(host, {}).status().code(), StatusCode::kInvalidArgument);
  fake.RemoveService(SHOJI_SPAWN_V1);
  EXPECT_EQ(Spawn(host, {.argv = {"/bin/true"}}).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(fake.spawned().empty());
}

}  // namespace
}  // namespace shoji::sdk

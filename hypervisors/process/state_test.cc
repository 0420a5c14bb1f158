#include "state.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups.h"
#include "options.h"

namespace shoji::process {
namespace {

SavedVm Example() {
  return {"web",
          "/run/x/vm",
          "/sys/fs/cgroup/shoji-process/web-1",
          "boot",
          {"kataShared", "t"},
          2,
          1024,
          {17, 99},
          {18, 100}};
}

TEST(StateTest, ComesBackAsItWas) {
  const auto vm = DecodeState(EncodeState(Example()));
  ASSERT_TRUE(vm.ok()) << vm.status().message();
  EXPECT_EQ(vm->id, "web");
  EXPECT_EQ(vm->run_dir, "/run/x/vm");
  EXPECT_EQ(vm->cgroup, Example().cgroup);
  EXPECT_EQ(vm->boot_id, "boot");
  EXPECT_EQ(vm->shares, Example().shares);
  EXPECT_EQ(vm->vcpus, 2U);
  EXPECT_EQ(vm->agent_port, 1024U);
  EXPECT_EQ(vm->keeper.pid, 17);
  EXPECT_EQ(vm->agent.start_time, 100U);
}

TEST(StateTest, NoiseIsDataLoss) {
  const std::string good = EncodeState(Example());
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(DecodeState(good.substr(0, cut)).status().code(), StatusCode::kDataLoss) << cut;
  }
  EXPECT_EQ(DecodeState(std::string(100'000, ' ') + good).status().code(), StatusCode::kDataLoss);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"version\":1", "\"version\":2"},
                                                        {"\"pid\":17", "\"pid\":-1"},
                                                        {"\"pid\":17", "\"pid\":99999999999"},
                                                        {"\"/run/x/vm\"", "\"run/x/vm\""},
                                                        {"\"/sys/", "\"sys/"},
                                                        {"[\"kataShared\"", "[1"},
                                                        {"\"boot_id\"", "\"boot-id\""}}) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    EXPECT_EQ(DecodeState(bad).status().code(), StatusCode::kDataLoss) << to;
  }
}

TEST(StateTest, FindsExactlyThatProcess) {
  const std::string boot = BootId().value();
  const auto self = IdentifyProcess(getpid());
  ASSERT_TRUE(self.ok());
  EXPECT_TRUE(FindProcess(*self, boot).ok());
  EXPECT_EQ(FindProcess(*self, "another boot").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(FindProcess({getpid(), self->start_time + 1}, boot).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(FindProcess({}, boot).status().code(), StatusCode::kNotFound);
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const auto ended = IdentifyProcess(child);
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(FindProcess(*ended, boot).status().code(), StatusCode::kNotFound) << "a zombie";
  waitpid(child, nullptr, 0);
}

TEST(CgroupsTest, FindsTheWholeTree) {
  EXPECT_EQ(FindCgroup2("30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"),
            "/sys/fs/cgroup");
  EXPECT_EQ(FindCgroup2("30 23 0:26 /part /mnt rw - cgroup2 none rw\n"
                        "31 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                        "32 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n"),
            "/sys/fs/cgroup/unified");
  EXPECT_EQ(FindCgroup2(""), "");
  EXPECT_EQ(FindCgroup2("31 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"), "");
}

TEST(CgroupsTest, WhatIsGoneIsTold) {
  EXPECT_TRUE(RemoveCgroup("").ok());
  EXPECT_TRUE(RemoveCgroup("/nowhere/at/all").ok());
  EXPECT_EQ(MeasureCgroup("/nowhere/at/all").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(FreezeCgroup("/nowhere", true, Deadline::Never(), -1).code(), StatusCode::kUnavailable);
  const auto self = MeasureProcess(getpid());
  ASSERT_TRUE(self.ok());
  EXPECT_GT(self->resident_bytes, 100'000U);
}

TEST(OptionsTest, WordsOfTheAgentOnly) {
  EXPECT_EQ(AgentWords("quiet agent.log=debug --share=x=/ panic=1 agent.devmode"),
            (std::vector<std::string>{"agent.log=debug", "agent.devmode"}));
  EXPECT_TRUE(AgentWords("").empty());
}

TEST(OptionsTest, TagsAreNamesOfDirectories) {
  EXPECT_TRUE(IsTag("kataShared"));
  for (const char* bad : {"", ".", "..", "a/b", "a b"}) EXPECT_FALSE(IsTag(bad)) << bad;
  EXPECT_FALSE(IsTag(std::string(65, 'a')));
}

}  // namespace
}  // namespace shoji::process

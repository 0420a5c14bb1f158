// Cgroups, signals, freezing, limits, destroying, and that nothing leaks.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "jail/caps.h"
#include "jail/cgroup.h"
#include "jail/cgroup_limits.h"
#include "jail/rlimits.h"
#include "jail/test_bed.h"
#include "shoji/base/file.h"

namespace shoji::jail {
namespace {

class LifecycleTest : public Bed {
 protected:
  Container::Made Started(const grpc::Spec& spec) {
    auto made = Create(spec);
    EXPECT_TRUE(made.ok()) << made.status().message();
    if (!made.ok()) return {};
    EXPECT_TRUE(made->container->Start().ok());
    return std::move(*made);
  }
  // One line of the process's output, so that the test knows where it stands.
  static std::string ReadLine(int fd) {
    std::string line;
    char c = 0;
    while (line.empty() || line.back() != '\n') {
      const ssize_t size = read(fd, &c, 1);
      if (size == 1) line += c;
      if (size == 0) break;
      if (size < 0) WaitReadable(fd);
    }
    return line;
  }
  static void WaitReadable(int fd) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    select(fd + 1, &set, nullptr, nullptr, nullptr);
  }
};

TEST_F(LifecycleTest, SignalsReachEveryProcess) {
  auto made = Started(Spec({"sh", "-c",
                            "trap 'exit 0' TERM; "
                            "sh -c 'trap \"exit 0\" TERM; echo up; "
                            "while :; do sleep 0.1; done' & wait"}));
  EXPECT_EQ(ReadLine(made.init.stdout_fd.get()), "up\n");
  EXPECT_GE(made.container->Pids()->size(), 1U);
  ASSERT_TRUE(made.container->SignalAll(SIGTERM).ok());
  End(made);
}

TEST_F(LifecycleTest, SignallingNobodyIsSuccess) {
  auto made = Started(Spec({"true"}));
  Reap(made.init.pid);
  EXPECT_TRUE(made.container->SignalAll(SIGTERM).ok());
  EXPECT_TRUE(made.container->SignalAll(SIGKILL).ok());
  EXPECT_TRUE(made.container->Pids()->empty());
  EXPECT_TRUE(made.container->Destroy().ok());
  EXPECT_TRUE(made.container->SignalAll(SIGTERM).ok());
}

TEST_F(LifecycleTest, PausesAndResumes) {
  auto made = Started(Spec({"sh", "-c", "while read x; do echo $x; done"}));
  ASSERT_TRUE(made.container->Pause().ok());
  EXPECT_EQ(made.container->Exec(Spec({"true"}).process()).status().code(),
            StatusCode::kFailedPrecondition);
  ASSERT_EQ(write(made.init.stdin_fd.get(), "a\n", 2), 2);
  char c = 0;
  EXPECT_EQ(read(made.init.stdout_fd.get(), &c, 1), -1);
  ASSERT_TRUE(made.container->Resume().ok());
  EXPECT_EQ(ReadLine(made.init.stdout_fd.get()), "a\n");
  End(made);
}

TEST_F(LifecycleTest, APausedContainerCanBeDestroyed) {
  auto made = Started(Spec({"sleep", "1000"}));
  ASSERT_TRUE(made.container->Pause().ok());
  End(made);
}

TEST_F(LifecycleTest, DestroyKillsWhatRuns) {
  auto made = Started(Spec({"sh", "-c", "sleep 1000 & sleep 1000 & echo up; wait"}));
  EXPECT_EQ(ReadLine(made.init.stdout_fd.get()), "up\n");
  EXPECT_TRUE(made.container->Destroy().ok());
  EXPECT_EQ(WTERMSIG(Reap(made.init.pid)), SIGKILL);
  EXPECT_TRUE(made.container->Destroy().ok()) << "idempotent";
}

TEST_F(LifecycleTest, DestroyBeforeTheStart) {
  auto made = Create(Spec({"true"}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_TRUE(made->container->Destroy().ok());
  EXPECT_EQ(made->container->Start().code(), StatusCode::kFailedPrecondition);
  Reap(made->init.pid);
}

TEST_F(LifecycleTest, TheDestructorDestroys) {
  auto made = Started(Spec({"sleep", "1000"}));
  made.container.reset();
  EXPECT_EQ(WTERMSIG(Reap(made.init.pid)), SIGKILL);
}

TEST_F(LifecycleTest, DestroyWithAnUnreapedExec) {
  auto made = Started(Spec({"sleep", "1000"}));
  auto executed = made.container->Exec(Spec({"sleep", "1000"}).process());
  ASSERT_TRUE(executed.ok()) << executed.status().message();
  // The first process is not a zombie before all of its namespace are reaped; whether its
  // cgroup counts as empty before that is the kernel's affair.
  const Status first = made.container->Destroy();
  EXPECT_TRUE(first.ok() || first.code() == StatusCode::kFailedPrecondition) << first.message();
  EXPECT_EQ(WTERMSIG(Reap(executed->pid)), SIGKILL);
  Reap(made.init.pid);
  EXPECT_TRUE(made.container->Destroy().ok());
}

TEST_F(LifecycleTest, LeavesWhenTheFirstProcessDoes) {
  auto made = Started(Spec({"sh", "-c", "sleep 1000 & echo $!"}));
  ReadLine(made.init.stdout_fd.get());
  EXPECT_EQ(WEXITSTATUS(Reap(made.init.pid)), 0);
  EXPECT_TRUE(made.container->Pids()->empty());
  EXPECT_TRUE(made.container->Destroy().ok());
}

TEST_F(LifecycleTest, UsesTheCgroupOfTheSpecification) {
  grpc::Spec spec = Spec({"sleep", "1000"});
  spec.mutable_linux()->set_cgroupspath("/pods/../pod1/./web");
  auto made = Started(spec);
  const std::string group = environment_.cgroup_root + "/pods/pod1/web";
  EXPECT_EQ(ReadText(group + "/cgroup.procs"), std::to_string(made.init.pid) + "\n");
  // A second one in the same group could not be told from the first.
  const auto second = Create(spec);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), StatusCode::kAlreadyExists) << second.status().message();
  EXPECT_TRUE(PathExists(group));
  End(made);
  EXPECT_FALSE(PathExists(environment_.cgroup_root + "/pods"));
}

TEST_F(LifecycleTest, RemovesGroupsTheContainerMade) {
  grpc::Spec spec = Spec({"sh", "-c",
                          "mkdir -p /sys/fs/cgroup/a/b; sleep 1000 & "
                          "echo $! > /sys/fs/cgroup/a/b/cgroup.procs; echo up; wait"});
  AddMount(&spec, "/sys/fs/cgroup", "cgroup", "cgroup", {});
  auto made = Started(spec);
  EXPECT_EQ(ReadLine(made.init.stdout_fd.get()), "up\n");
  EXPECT_EQ(made.container->Pids()->size(), 2U);
  End(made);
}

TEST_F(LifecycleTest, WorksWithoutCgroups) {
  environment_.cgroup_root.clear();
  auto made = Started(Spec({"sleep", "1000"}));
  auto executed = made.container->Exec(Spec({"sleep", "1000"}).process());
  ASSERT_TRUE(executed.ok()) << executed.status().message();
  EXPECT_EQ(made.container->Pids()->size(), 2U);
  EXPECT_EQ(made.container->Pause().code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(made.container->SignalAll(SIGKILL).ok());
  EXPECT_EQ(WTERMSIG(Reap(executed->pid)), SIGKILL);
  EXPECT_EQ(WTERMSIG(Reap(made.init.pid)), SIGKILL);
  EXPECT_TRUE(made.container->Destroy().ok());
}

TEST_F(LifecycleTest, AHardLimitWithoutItsControllerIsAnErrorAWishIsNot) {
  if (PathExists(environment_.cgroup_root + "/pids.max")) {
    GTEST_SKIP() << "this machine has the controllers";
  }
  grpc::Spec spec = Spec({"true"});
  spec.mutable_linux()->mutable_resources()->mutable_cpu()->set_shares(512);
  EXPECT_TRUE(Run(spec).status.ok());
  spec.mutable_linux()->mutable_resources()->mutable_pids()->set_limit(-1);
  EXPECT_TRUE(Run(spec).status.ok());
  spec.mutable_linux()->mutable_resources()->mutable_pids()->set_limit(10);
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(outcome.status.message().find("pids.max to \"10\""), std::string::npos);
}

TEST_F(LifecycleTest, AHundredContainersLeaveNothing) {
  const auto before = Belongings(environment_.cgroup_root);
  const grpc::Spec spec = Spec({"true"});
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    const Outcome outcome = Run(spec);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  }
  const std::chrono::duration<double, std::milli> span = std::chrono::steady_clock::now() - begin;
  RecordProperty("milliseconds_each", std::to_string(span.count() / 100));
  EXPECT_EQ(Belongings(environment_.cgroup_root), before);
}

// ---- translation of limits ----

std::string Text(const grpc::LinuxResources& resources) {
  const auto limits = LimitsOf(resources);
  std::string text;
  if (!limits.ok()) return limits.status().message();
  for (const Limit& limit : *limits) text += limit.file + "=" + limit.value + ";";
  return text;
}

TEST(LimitsTest, NothingGivenIsNothingSet) { EXPECT_EQ(Text({}), ""); }

TEST(LimitsTest, Memory) {
  grpc::LinuxResources r;
  r.mutable_memory()->set_limit(1000);
  r.mutable_memory()->set_reservation(500);
  r.mutable_memory()->set_swap(1500);
  EXPECT_EQ(Text(r), "memory.low=500;memory.max=1000;memory.swap.max=500;");
  r.mutable_memory()->set_swap(-1);
  r.mutable_memory()->set_limit(-1);
  EXPECT_EQ(Text(r), "memory.low=500;memory.max=max;memory.swap.max=max;");
}

TEST(LimitsTest, Cpu) {
  grpc::LinuxResources r;
  r.mutable_cpu()->set_quota(50000);
  r.mutable_cpu()->set_shares(1024);
  r.mutable_cpu()->set_cpus("0-1");
  EXPECT_EQ(Text(r), "cpu.weight=39;cpu.max=50000 100000;cpuset.cpus=0-1;");
  r.mutable_cpu()->set_quota(-1);
  r.mutable_cpu()->set_period(20000);
  EXPECT_EQ(Text(r), "cpu.weight=39;cpu.max=max 20000;cpuset.cpus=0-1;");
}

TEST(LimitsTest, WeightsStayInRange) {
  EXPECT_EQ(WeightOfShares(0), 1U);
  EXPECT_EQ(WeightOfShares(2), 1U);
  EXPECT_EQ(WeightOfShares(262144), 10000U);
  EXPECT_EQ(WeightOfShares(~0ULL), 10000U);
}

TEST(LimitsTest, PidsIoAndHugePages) {
  grpc::LinuxResources r;
  r.mutable_pids()->set_limit(7);
  r.mutable_blockio()->set_weight(1000);
  grpc::LinuxThrottleDevice* const device = r.mutable_blockio()->add_throttlewriteiopsdevice();
  device->set_major(8);
  device->set_minor(16);
  device->set_rate(99);
  grpc::LinuxHugepageLimit* const huge = r.add_hugepagelimits();
  huge->set_pagesize("2MB");
  huge->set_limit(4096);
  EXPECT_EQ(Text(r),
            "pids.max=7;io.bfq.weight=default 1000;io.weight=default 10000;io.max=8:16 wiops=99;"
            "hugetlb.2MB.max=4096;hugetlb.2MB.rsvd.max=4096;");
  for (const char* bad : {"../2MB", "", "2", "MB", "2mb", "2MB/x"}) {
    huge->set_pagesize(bad);
    EXPECT_NE(Text(r).find("is not a page size"), std::string::npos) << bad;
  }
}

TEST(CgroupPathTest, StaysBelowTheRoot) {
  EXPECT_EQ(CgroupPathOf("", "id"), "id");
  EXPECT_EQ(CgroupPathOf("/a//b/", "id"), "a/b");
  EXPECT_EQ(CgroupPathOf("../../etc", "id"), "etc");
  EXPECT_EQ(CgroupPathOf("/..", "id"), "container");
}

TEST(CapsTest, KnowsNamesAndLeavesOutWhatTheKernelLacks) {
  EXPECT_EQ(CapNumber("CAP_CHOWN"), 0);
  EXPECT_EQ(CapNumber("CAP_SYS_ADMIN"), 21);
  EXPECT_EQ(CapNumber("CAP_CHECKPOINT_RESTORE"), 40);
  EXPECT_EQ(CapNumber("CHOWN"), -1);
  EXPECT_EQ(CapNumber("CAP_"), -1);
  EXPECT_EQ(CapNumber(""), -1);
}

TEST(RlimitsTest, KnowsAllNamesAndUnlimited) {
  google::protobuf::RepeatedPtrField<grpc::POSIXRlimit> limits;
  for (const char* name :
       {"AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE",
        "NPROC", "RSS", "RTPRIO", "RTTIME", "SIGPENDING", "STACK"}) {
    grpc::POSIXRlimit* const limit = limits.Add();
    limit->set_type(std::string("RLIMIT_") + name);
    limit->set_hard(~0ULL);
  }
  const auto parsed = ParseRlimits(limits);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed->size(), 16U);
  EXPECT_EQ((*parsed)[0].value.rlim_max, RLIM_INFINITY);
  limits.Add()->set_type("RLIMIT_AS");
  EXPECT_EQ(ParseRlimits(limits).status().message(), "process.rlimits: RLIMIT_AS is given twice");
}

}  // namespace
}  // namespace shoji::jail

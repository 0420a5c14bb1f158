// Processes of a container: what they run, see and are, and how they end.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "jail/test_bed.h"

namespace shoji::jail {
namespace {

class ContainerTest : public Bed {
 protected:
  // Value of a line of /proc/self/status as the container sees it.
  std::string StatusLine(const grpc::Spec& spec, const std::string& name) {
    const Outcome outcome = Shell(spec, "grep ^" + name + ": /proc/self/status | cut -f2");
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
    return outcome.out;
  }
};

TEST_F(ContainerTest, RunsAProgramAndTellsItsExitCode) {
  const Outcome outcome = Shell("echo out; echo err >&2; exit 42");
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_EQ(outcome.code, 42);
}

TEST_F(ContainerTest, TellsTheSignalThatEndedIt) {
  grpc::Spec spec = Spec({"sleep", "1000"});
  auto made = Create(spec);
  ASSERT_TRUE(made.ok()) << made.status().message();
  ASSERT_TRUE(made->container->Start().ok());
  ASSERT_TRUE(made->container->SignalAll(SIGKILL).ok());
  EXPECT_EQ(Finish(std::move(made->init)).signal, SIGKILL);
  End(*made);
}

TEST_F(ContainerTest, HasExactlyTheEnvironmentGiven) {
  grpc::Spec spec = Spec({"env"});
  spec.mutable_process()->clear_env();
  spec.mutable_process()->add_env("PATH=/bin");
  spec.mutable_process()->add_env("A=b c=d");
  spec.mutable_process()->add_env("EMPTY=");
  // HOME is added when there is none.
  EXPECT_EQ(Run(spec).out, "PATH=/bin\nA=b c=d\nEMPTY=\nHOME=/root\n");
}

TEST_F(ContainerTest, WorksWithoutPathInTheEnvironment) {
  grpc::Spec spec = Spec({"echo", "found"});
  spec.mutable_process()->clear_env();
  EXPECT_EQ(Run(spec).out, "found\n");
}

TEST_F(ContainerTest, MakesAMissingWorkingDirectory) {
  grpc::Spec spec = Spec({"pwd"});
  spec.mutable_process()->set_cwd("/deep/in/here");
  EXPECT_EQ(Run(spec).out, "/deep/in/here\n");
}

TEST_F(ContainerTest, RunsAsTheUserWithItsGroups) {
  grpc::Spec spec = Spec({"id"});
  grpc::User* const user = spec.mutable_process()->mutable_user();
  user->set_uid(1000);
  user->set_gid(2000);
  user->add_additionalgids(3000);
  user->add_additionalgids(4000);
  EXPECT_EQ(Run(spec).out, "uid=1000 gid=2000 groups=3000,4000\n");
}

TEST_F(ContainerTest, AUserMayReopenItsStandardStreams) {
  grpc::Spec spec = Spec({"sh", "-c", "echo again > /dev/stdout; echo err > /dev/stderr"});
  spec.mutable_process()->mutable_user()->set_uid(1000);
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.out, "again\n");
  EXPECT_EQ(outcome.err, "err\n");
}

TEST_F(ContainerTest, UmaskIs022) { EXPECT_EQ(Shell("umask").out, "0022\n"); }

TEST_F(ContainerTest, IsProcessOneOfItsNamespace) {
  EXPECT_EQ(Shell("echo $$; ls -d /proc/[0-9]* | wc -l").out, "1\n3\n");  // sh, ls, wc
}

TEST_F(ContainerTest, HasNoForeignDescriptors) {
  const int foreign = open("/dev/null", O_RDONLY);  // not close-on-exec
  EXPECT_EQ(Shell("ls /proc/1/fd; true").out, "0\n1\n2\n");
  close(foreign);
}

TEST_F(ContainerTest, SignalsAreDefaultAgain) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  signal(SIGPIPE, SIG_IGN);
  const grpc::Spec spec = Spec({"cat"});
  EXPECT_EQ(Run({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}).out,
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(ContainerTest, HasItsOwnHostName) {
  char before[64];
  ASSERT_EQ(gethostname(before, sizeof before), 0);
  EXPECT_EQ(Run({"hostname"}).out, "box\n");
  char after[64];
  ASSERT_EQ(gethostname(after, sizeof after), 0);
  EXPECT_STREQ(after, before);
}

TEST_F(ContainerTest, SharesTheNamespacesOfTheEnvironment) {
  environment_.uts_ns = "/proc/self/ns/uts";
  environment_.ipc_ns = "/proc/self/ns/ipc";
  char name[64] = {};
  char ipc[64] = {};
  ASSERT_EQ(gethostname(name, sizeof name), 0);
  ASSERT_GT(readlink("/proc/self/ns/ipc", ipc, sizeof ipc - 1), 0);
  EXPECT_EQ(Shell("hostname; readlink /proc/self/ns/ipc").out,
            std::string(name) + "\n" + ipc + "\n");
}

TEST_F(ContainerTest, JoinsAPidNamespace) {
  auto first = Create(Spec({"sleep", "1000"}));
  ASSERT_TRUE(first.ok()) << first.status().message();
  ASSERT_TRUE(first->container->Start().ok());
  const Environment own = environment_;
  environment_.pid_ns = "/proc/" + std::to_string(first->init.pid) + "/ns/pid";
  auto second = Create(Spec({"sh", "-c", "cat /proc/1/cmdline; echo; echo $$"}));
  ASSERT_TRUE(second.ok()) << second.status().message();
  ASSERT_TRUE(second->container->Start().ok());
  const Outcome outcome = Finish(std::move(second->init));
  EXPECT_EQ(outcome.out.substr(0, 5), "sleep");
  EXPECT_NE(outcome.out.substr(outcome.out.find('\n')), "\n1\n");
  EXPECT_TRUE(second->container->Destroy().ok());
  environment_ = own;
  End(*first);
}

TEST_F(ContainerTest, UsesTheSandboxsNetworkUnlessToldOtherwise) {
  char mine[64] = {};
  ASSERT_GT(readlink("/proc/self/ns/net", mine, sizeof mine - 1), 0);
  EXPECT_EQ(Run({"readlink", "/proc/self/ns/net"}).out, std::string(mine) + "\n");
  grpc::Spec spec = Spec({"sh", "-c", "readlink /proc/self/ns/net; ip addr show lo"});
  spec.mutable_linux()->add_namespaces()->set_type("network");
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.out.find(mine), std::string::npos);
  EXPECT_NE(outcome.out.find("127.0.0.1"), std::string::npos) << outcome.out << outcome.err;
}

TEST_F(ContainerTest, HomeIsThatOfTheUserUnlessGiven) {
  const std::string passwd = rootfs() + "/etc/passwd";
  WriteText(passwd,
            "root:x:0:0:root:/root:/bin/sh\nbad\nuser:x:1000:1000::/home/user:\n"
            "none:x:1001:1001:::\n");
  const auto home = [&](std::uint32_t uid, const char* given) {
    grpc::Spec spec = Spec({"/bin/sh", "-c", "echo -n $HOME"});
    spec.mutable_process()->mutable_user()->set_uid(uid);
    if (given != nullptr) spec.mutable_process()->add_env(given);
    const Outcome outcome = Run(spec);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
    return outcome.out;
  };
  EXPECT_EQ(home(0, nullptr), "/root");
  EXPECT_EQ(home(1000, nullptr), "/home/user");
  EXPECT_EQ(home(1001, nullptr), "/");
  EXPECT_EQ(home(1002, nullptr), "/");
  EXPECT_EQ(home(1000, "HOME=/given"), "/given");
  EXPECT_EQ(home(1000, "HOME="), "/home/user");
  ASSERT_EQ(unlink(passwd.c_str()), 0);
  ASSERT_EQ(mkfifo(passwd.c_str(), 0644), 0);
  EXPECT_EQ(home(1000, nullptr), "/");
}

// /sys is bound with all that lies in it, since such a container may not mount it.
TEST_F(ContainerTest, UsersOfTheirOwnSeeTheirOwnCgroup) {
  if (environment_.cgroup_root.empty()) GTEST_SKIP() << "no cgroup v2 on this machine";
  grpc::Spec spec = Spec({"sh", "-c", "cat /sys/fs/cgroup/cgroup.procs; touch /sys/fs/cgroup/x"});
  spec.mutable_linux()->add_namespaces()->set_type("user");
  spec.mutable_linux()->add_namespaces()->set_type("cgroup");
  for (auto* map :
       {spec.mutable_linux()->add_uidmappings(), spec.mutable_linux()->add_gidmappings()}) {
    map->set_hostid(100000);
    map->set_size(65536);
  }
  AddMount(&spec, "/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "ro"});
  const Outcome outcome = Run(spec);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.out.substr(0, 2), "1\n") << outcome.err;
  EXPECT_NE(outcome.err.find("Read-only file system"), std::string::npos) << outcome.err;
}

TEST_F(ContainerTest, ProgramIsFoundWithTheRightsOfTheUser) {
  ASSERT_EQ(chmod((rootfs() + "/bin").c_str(), 0700), 0);
  grpc::Spec spec = Spec({"id", "-u"});
  spec.mutable_process()->mutable_user()->set_uid(10);
  for (auto* set : {spec.mutable_process()->mutable_capabilities()->mutable_effective(),
                    spec.mutable_process()->mutable_capabilities()->mutable_permitted(),
                    spec.mutable_process()->mutable_capabilities()->mutable_bounding()}) {
    set->Clear();
    *set->Add() = "CAP_DAC_OVERRIDE";
  }
  EXPECT_EQ(Run(spec).out, "10\n");
  spec.mutable_process()->mutable_capabilities()->clear_effective();
  EXPECT_EQ(Run(spec).status.code(), StatusCode::kPermissionDenied);
  ASSERT_EQ(chmod((rootfs() + "/bin").c_str(), 0755), 0);
}

TEST_F(ContainerTest, MapsUsersInAUserNamespace) {
  grpc::Spec spec = Spec({"sh", "-c",
                          "id -u; cat /proc/self/uid_map; echo > /dev/null; "
                          "cat /proc/self/setgroups; ls /sys > /dev/null; echo $?"});
  spec.mutable_linux()->add_namespaces()->set_type("user");
  for (auto* map :
       {spec.mutable_linux()->add_uidmappings(), spec.mutable_linux()->add_gidmappings()}) {
    map->set_hostid(100000);
    map->set_size(65536);
  }
  const Outcome outcome = Run(spec);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.out, "0\n         0     100000      65536\nallow\n0\n") << outcome.err;
}

TEST_F(ContainerTest, SetsTheCapabilitySetsExactly) {
  grpc::Spec spec = Spec({});
  grpc::LinuxCapabilities* const caps = spec.mutable_process()->mutable_capabilities();
  caps->Clear();
  for (const char* name : {"CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"}) {
    caps->add_bounding(name);
    caps->add_permitted(name);
    caps->add_inheritable(name);
  }
  caps->add_effective("CAP_CHOWN");
  caps->add_ambient("CAP_KILL");
  spec.mutable_process()->mutable_user()->set_uid(1000);
  const std::string set = "0000000000002021\n";
  EXPECT_EQ(StatusLine(spec, "CapBnd"), set);
  EXPECT_EQ(StatusLine(spec, "CapInh"), set);
  // A user's program keeps of the others what is ambient.
  EXPECT_EQ(StatusLine(spec, "CapAmb"), "0000000000000020\n");
  EXPECT_EQ(StatusLine(spec, "CapEff"), "0000000000000020\n");
  EXPECT_EQ(StatusLine(spec, "CapPrm"), "0000000000000020\n");
}

TEST_F(ContainerTest, RootGetsTheBoundingSet) {
  const grpc::Spec spec = Spec({});
  for (const char* line : {"CapEff", "CapPrm", "CapBnd"})
    EXPECT_EQ(StatusLine(spec, line), "00000000000004eb\n") << line;
}

TEST_F(ContainerTest, HasNoCapabilitiesWhenNoneAreGiven) {
  grpc::Spec spec = Spec({});
  spec.mutable_process()->clear_capabilities();
  EXPECT_EQ(StatusLine(spec, "CapEff"), "0000000000000000\n");
  EXPECT_EQ(StatusLine(spec, "CapBnd"), "0000000000000000\n");
}

TEST_F(ContainerTest, NoNewPrivilegesAsSaid) {
  grpc::Spec spec = Spec({});
  EXPECT_EQ(StatusLine(spec, "NoNewPrivs"), "0\n");
  spec.mutable_process()->set_nonewprivileges(true);
  EXPECT_EQ(StatusLine(spec, "NoNewPrivs"), "1\n");
}

TEST_F(ContainerTest, SetsResourceLimits) {
  grpc::Spec spec = Spec({"sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -c"});
  grpc::POSIXRlimit* limit = spec.mutable_process()->add_rlimits();
  limit->set_type("RLIMIT_NOFILE");
  limit->set_soft(123);
  limit->set_hard(456);
  limit = spec.mutable_process()->add_rlimits();
  limit->set_type("RLIMIT_CORE");
  limit->set_soft(~0ULL);
  limit->set_hard(~0ULL);
  EXPECT_EQ(Run(spec).out, "123\n456\nunlimited\n");
}

// Engines limit every page size of the host.
TEST_F(ContainerTest, HugePagesThatTheKernelLacksAreHeldBackAnyway) {
  if (ReadText(environment_.cgroup_root + "/cgroup.controllers").find("hugetlb") ==
      std::string::npos) {
    GTEST_SKIP() << "this machine's cgroup v2 has no hugetlb";
  }
  grpc::Spec spec = Spec({"true"});
  grpc::LinuxHugepageLimit* huge = spec.mutable_linux()->mutable_resources()->add_hugepagelimits();
  huge->set_pagesize("64KB");  // of no x86
  huge->set_limit(0);
  *spec.mutable_linux()->mutable_resources()->add_hugepagelimits() = *huge;
  spec.mutable_linux()->mutable_resources()->mutable_hugepagelimits(1)->set_pagesize("2MB");
  auto made = Create(spec);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(ReadText(made->container->CgroupDir() + "/hugetlb.2MB.max"), "0\n");
  End(*made);
}

TEST_F(ContainerTest, SetsTheOomScore) {
  grpc::Spec spec = Spec({"cat", "/proc/self/oom_score_adj"});
  spec.mutable_process()->set_oomscoreadj(321);
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.out, "321\n") << outcome.status.message();
}

TEST_F(ContainerTest, SetsKernelParametersOfItsNamespaces) {
  const std::string before = ReadText("/proc/sys/kernel/msgmax");
  grpc::Spec spec = Spec({"sh", "-c", "cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward"});
  spec.mutable_linux()->add_namespaces()->set_type("network");
  (*spec.mutable_linux()->mutable_sysctl())["kernel.msgmax"] = "4321";
  (*spec.mutable_linux()->mutable_sysctl())["net.ipv4.ip_forward"] = "1";
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.out, "4321\n1\n") << outcome.status.message();
  EXPECT_EQ(ReadText("/proc/sys/kernel/msgmax"), before);
}

TEST_F(ContainerTest, ReadsItsInputToTheEnd) {
  auto made = Create(Spec({"cat"}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  auto other = Create(Spec({"sleep", "1000"}));  // must not hold the pipe open
  ASSERT_TRUE(other.ok()) << other.status().message();
  ASSERT_TRUE(made->container->Start().ok());
  ASSERT_EQ(write(made->init.stdin_fd.get(), "hello", 5), 5);
  const Outcome outcome = Finish(std::move(made->init));
  EXPECT_EQ(outcome.out, "hello");
  EXPECT_EQ(outcome.code, 0);
  End(*made);
  End(*other);
}

TEST_F(ContainerTest, PassesLargeOutputWhole) {
  const Outcome outcome = Shell("dd if=/dev/zero bs=64k count=320 2>/dev/null; echo done >&2");
  EXPECT_EQ(outcome.out.size(), 320U * 65536U);
  EXPECT_EQ(outcome.err, "done\n");
}

TEST_F(ContainerTest, AgentsEndsDoNotBlockAndCloseOnExec) {
  auto made = Create(Spec({"true"}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  for (const int fd :
       {made->init.stdin_fd.get(), made->init.stdout_fd.get(), made->init.stderr_fd.get()}) {
    EXPECT_TRUE(fcntl(fd, F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  }
  End(*made);
}

// ---- starting ----

struct Refused {
  std::string program;
  StatusCode code;
  std::string message;
};

class ExecErrors : public ContainerTest, public ::testing::WithParamInterface<Refused> {
 protected:
  void SetUp() override {
    ContainerTest::SetUp();
    WriteText(rootfs() + "/bin/noexec", "#!/bin/sh\n", 0644);
    WriteText(rootfs() + "/bin/nointerpreter", "#!/no/such/shell\n", 0755);
    WriteText(rootfs() + "/bin/garbage", std::string("\x01\x02\x03\x00", 4), 0755);
  }
};

TEST_P(ExecErrors, OfStart) {
  const Outcome outcome = Run({GetParam().program});
  EXPECT_EQ(outcome.status.code(), GetParam().code) << outcome.status.message();
  EXPECT_EQ(outcome.status.message(), GetParam().message);
  EXPECT_NE(outcome.code, 0);
}

TEST_P(ExecErrors, OfExec) {
  auto made = Create(Spec({"sleep", "1000"}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  ASSERT_TRUE(made->container->Start().ok());
  grpc::Process process = Spec({GetParam().program}).process();
  const auto executed = made->container->Exec(process);
  ASSERT_FALSE(executed.ok());
  EXPECT_EQ(executed.status().code(), GetParam().code);
  EXPECT_EQ(executed.status().message(), GetParam().message);
  End(*made);
}

INSTANTIATE_TEST_SUITE_P(
    All, ExecErrors,
    ::testing::Values(
        Refused{"foo", StatusCode::kNotFound, "exec: \"foo\": executable file not found in $PATH"},
        Refused{"", StatusCode::kNotFound, "exec: \"\": executable file not found in $PATH"},
        Refused{"/no/such", StatusCode::kNotFound, "exec: \"/no/such\": no such file or directory"},
        Refused{"/etc/passwd", StatusCode::kPermissionDenied,
                "exec: \"/etc/passwd\": permission denied"},
        Refused{"noexec", StatusCode::kPermissionDenied, "exec: \"noexec\": permission denied"},
        Refused{"/etc", StatusCode::kPermissionDenied, "exec: \"/etc\": permission denied"},
        Refused{"/etc/passwd/x", StatusCode::kNotFound,
                "exec: \"/etc/passwd/x\": no such file or directory"},
        Refused{"/bin/nointerpreter", StatusCode::kNotFound,
                "exec: \"/bin/nointerpreter\": its interpreter is not there: No such file or "
                "directory"},
        Refused{"/bin/garbage", StatusCode::kUnknown,
                "exec: \"/bin/garbage\": Exec format error"}));

TEST_F(ContainerTest, StartsOnce) {
  auto made = Create(Spec({"sleep", "1000"}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(made->container->Exec(Spec({"true"}).process()).status().code(),
            StatusCode::kFailedPrecondition);
  ASSERT_TRUE(made->container->Start().ok());
  EXPECT_EQ(made->container->Start().code(), StatusCode::kFailedPrecondition);
  End(*made);
}

TEST_F(ContainerTest, StartOfAKilledInitFails) {
  auto made = Create(Spec({"true"}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  kill(made->init.pid, SIGKILL);
  Reap(made->init.pid);
  EXPECT_EQ(made->container->Start().code(), StatusCode::kFailedPrecondition);
  End(*made);
}

// ---- exec ----

class ExecTest : public Bed {
 protected:
  void SetUp() override {
    Bed::SetUp();
    auto made = Create(Spec({"sleep", "1000"}));
    ASSERT_TRUE(made.ok()) << made.status().message();
    made_ = std::make_unique<Container::Made>(std::move(*made));
    ASSERT_TRUE(made_->container->Start().ok());
  }
  void TearDown() override {
    if (made_) End(*made_);
    made_.reset();
    Bed::TearDown();
  }
  grpc::Process Sh(const std::string& script) { return Spec({"sh", "-c", script}).process(); }
  Outcome Exec(const grpc::Process& process) {
    auto executed = made_->container->Exec(process);
    if (!executed.ok()) return Outcome{executed.status(), "", "", -1, 0};
    return Finish(std::move(*executed));
  }
  std::unique_ptr<Container::Made> made_;
};

TEST_F(ExecTest, SharesAllNamespacesWithTheInit) {
  const Outcome outcome = Exec(
      Sh("for n in mnt pid ipc uts net cgroup; do "
         "test $(readlink /proc/self/ns/$n) = $(readlink /proc/1/ns/$n) || echo $n; done; "
         "readlink /proc/1/ns/mnt > /dev/null || echo cannot; hostname; cat /proc/self/cgroup"));
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.out.substr(0, 4), "box\n") << outcome.err;
  EXPECT_NE(outcome.out.find("0::/\n"), std::string::npos) << outcome.out;
}

TEST_F(ExecTest, HasItsOwnUserDirectoryAndEnvironment) {
  grpc::Process process = Sh("id -u; id -g; pwd; echo $WHO; exit 3");
  process.mutable_user()->set_uid(5);
  process.mutable_user()->set_gid(6);
  process.set_cwd("/tmp");
  process.add_env("WHO=me");
  const Outcome outcome = Exec(process);
  EXPECT_EQ(outcome.out, "5\n6\n/tmp\nme\n");
  EXPECT_EQ(outcome.code, 3);
}

TEST_F(ExecTest, HasTheCapabilitiesOfTheContainerUnlessGivenOthers) {
  grpc::Process process = Sh("grep CapBnd /proc/self/status | cut -f2");
  process.clear_capabilities();
  EXPECT_EQ(Exec(process).out, "00000000000004eb\n");
  process.mutable_capabilities()->add_bounding("CAP_CHOWN");
  EXPECT_EQ(Exec(process).out, "0000000000000001\n");
}

TEST_F(ExecTest, ReadsInputAndBelongsToTheContainer) {
  auto executed = made_->container->Exec(Spec({"cat"}).process());
  ASSERT_TRUE(executed.ok()) << executed.status().message();
  auto pids = made_->container->Pids();
  ASSERT_TRUE(pids.ok());
  std::vector<pid_t> wanted = {made_->init.pid, executed->pid};
  std::sort(pids->begin(), pids->end());
  std::sort(wanted.begin(), wanted.end());
  EXPECT_EQ(*pids, wanted);
  ASSERT_EQ(write(executed->stdin_fd.get(), "abc", 3), 3);
  EXPECT_EQ(Finish(std::move(*executed)).out, "abc");
}

TEST_F(ExecTest, RefusesABadDirectory) {
  grpc::Process process = Sh("true");
  process.set_cwd("/no/such");
  const Outcome outcome = Exec(process);
  EXPECT_EQ(outcome.status.code(), StatusCode::kNotFound);
  EXPECT_EQ(outcome.status.message(),
            "exec: \"sh\": process.cwd: cannot enter \"/no/such\": No such file or directory");
}

TEST_F(ExecTest, FailsWhenTheInitHasEnded) {
  kill(made_->init.pid, SIGKILL);
  Reap(made_->init.pid);
  const Outcome outcome = Exec(Sh("true"));
  EXPECT_EQ(outcome.status.code(), StatusCode::kFailedPrecondition) << outcome.status.message();
}

TEST_F(ExecTest, InAUserNamespace) {
  End(*made_);
  grpc::Spec spec = Spec({"sleep", "1000"});
  spec.mutable_linux()->add_namespaces()->set_type("user");
  for (auto* map :
       {spec.mutable_linux()->add_uidmappings(), spec.mutable_linux()->add_gidmappings()}) {
    map->set_hostid(100000);
    map->set_size(65536);
  }
  auto made = Create(spec);
  ASSERT_TRUE(made.ok()) << made.status().message();
  *made_ = std::move(*made);
  ASSERT_TRUE(made_->container->Start().ok());
  const Outcome outcome = Exec(Sh("id -u; cut -c 1-21 /proc/self/uid_map"));
  EXPECT_EQ(outcome.out, "0\n         0     100000\n") << outcome.status.message();
}

// ---- a terminal ----

// Reads until the text has been seen or the terminal is closed.
std::string ReadUntil(int fd, const std::string& wanted) {
  std::string text;
  char buffer[4096];
  while (text.find(wanted) == std::string::npos) {
    pollfd p{fd, POLLIN, 0};
    if (poll(&p, 1, 10000) <= 0) break;
    const ssize_t size = read(fd, buffer, sizeof buffer);
    if (size <= 0) break;
    text.append(buffer, static_cast<std::size_t>(size));
  }
  return text;
}

grpc::Process WithTerminal(grpc::Process process) {
  process.set_terminal(true);
  process.mutable_consolesize()->set_height(33);
  process.mutable_consolesize()->set_width(77);
  return process;
}

constexpr char kTtyScript[] =
    "tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo all; echo > /dev/tty; "
    "stat -c %t:%T /dev/console; stat -c %t:%T -L /proc/self/fd/0; read x; echo got=$x; "
    "stty size; echo end";

TEST_F(ContainerTest, HasATerminal) {
  grpc::Spec spec = Spec({"sh", "-c", kTtyScript});
  *spec.mutable_process() = WithTerminal(spec.process());
  spec.mutable_process()->mutable_user()->set_uid(1000);
  auto made = Create(spec);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_TRUE(made->init.terminal);
  EXPECT_FALSE(made->init.stderr_fd);
  ASSERT_TRUE(made->container->Start().ok());
  const int tty = made->init.stdout_fd.get();
  EXPECT_EQ(ReadUntil(tty, "88:0\r\n88:0\r\n"),
            "/dev/pts/0\r\n33 77\r\nall\r\n\r\n88:0\r\n88:0\r\n");
  winsize size{10, 20, 0, 0};
  EXPECT_EQ(ioctl(tty, TIOCSWINSZ, &size), 0);
  ASSERT_EQ(write(made->init.stdin_fd.get(), "line\n", 5), 5);
  EXPECT_EQ(ReadUntil(tty, "end"), "line\r\ngot=line\r\n10 20\r\nend\r\n");
  EXPECT_EQ(WEXITSTATUS(Reap(made->init.pid)), 0);
  End(*made);
}

TEST_F(ContainerTest, InterruptFromTheTerminalReachesTheForeground) {
  // Process 1 is spared signals it has no handler for, so the shell sets one.
  grpc::Spec spec =
      Spec({"sh", "-c", "trap 'echo int; exit 9' INT; echo ready; while :; do sleep 0.05; done"});
  *spec.mutable_process() = WithTerminal(spec.process());
  auto made = Create(spec);
  ASSERT_TRUE(made.ok()) << made.status().message();
  ASSERT_TRUE(made->container->Start().ok());
  ReadUntil(made->init.stdout_fd.get(), "ready");
  ASSERT_EQ(write(made->init.stdin_fd.get(), "\x03", 1), 1);
  EXPECT_EQ(WEXITSTATUS(Reap(made->init.pid)), 9);
  End(*made);
}

TEST_F(ExecTest, HasATerminal) {
  auto executed = made_->container->Exec(
      WithTerminal(Sh("tty; stty size; echo > /dev/tty; read x; echo got=$x")));
  ASSERT_TRUE(executed.ok()) << executed.status().message();
  const int tty = executed->stdout_fd.get();
  EXPECT_EQ(ReadUntil(tty, "77\r\n\r\n"), "/dev/pts/0\r\n33 77\r\n\r\n");
  ASSERT_EQ(write(executed->stdin_fd.get(), "x\n", 2), 2);
  EXPECT_EQ(ReadUntil(tty, "got=x"), "x\r\ngot=x\r\n");
  Reap(executed->pid);
}

TEST_F(ContainerTest, ATerminalNeedsDevpts) {
  grpc::Spec spec = Spec({"sh"});
  spec.clear_mounts();
  spec.mutable_process()->set_terminal(true);
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.status.code(), StatusCode::kNotFound);
  EXPECT_NE(outcome.status.message().find("needs a devpts mount"), std::string::npos);
}

// ---- system call filter ----

grpc::LinuxSyscall* Rule(grpc::Spec* spec, const std::string& name, const std::string& action) {
  grpc::LinuxSeccomp* const seccomp = spec->mutable_linux()->mutable_seccomp();
  if (seccomp->defaultaction().empty()) seccomp->set_defaultaction("SCMP_ACT_ALLOW");
  grpc::LinuxSyscall* const rule = seccomp->add_syscalls();
  rule->add_names(name);
  rule->set_action(action);
  return rule;
}

TEST_F(ContainerTest, FiltersSystemCalls) {
  for (const bool no_new_privileges : {false, true}) {
    grpc::Spec spec = Spec({"sh", "-c", "mkdir /tmp/x; grep Seccomp: /proc/self/status"});
    spec.mutable_process()->set_nonewprivileges(no_new_privileges);
    Rule(&spec, "mkdir", "SCMP_ACT_ERRNO");
    const Outcome outcome = Run(spec);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
    EXPECT_NE(outcome.err.find("Operation not permitted"), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "Seccomp:\t2\n");
  }
}

TEST_F(ContainerTest, FiltersByArgument) {
  grpc::Spec spec = Spec({"sh", "-c", "kill -0 $$ && echo zero; kill -10 1 || echo refused"});
  grpc::LinuxSeccompArg* const arg = Rule(&spec, "kill", "SCMP_ACT_ERRNO")->add_args();
  arg->set_index(1);
  arg->set_value(10);
  arg->set_op("SCMP_CMP_EQ");
  EXPECT_EQ(Run(spec).out, "zero\nrefused\n");
}

TEST_F(ContainerTest, AUserIsFilteredWithoutNoNewPrivileges) {
  grpc::Spec spec = Spec({"sh", "-c",
                          "mkdir /tmp/x; grep -E '^(Seccomp|CapEff):' "
                          "/proc/self/status"});
  spec.mutable_process()->mutable_user()->set_uid(1000);
  Rule(&spec, "mkdir", "SCMP_ACT_ERRNO");
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.out, "CapEff:\t0000000000000000\nSeccomp:\t2\n") << outcome.status.message();
}

TEST_F(ContainerTest, KillsOnAFilteredCall) {
  grpc::Spec spec = Spec({"sh", "-c", "(mkdir /tmp/x); echo $?"});
  Rule(&spec, "mkdir", "SCMP_ACT_KILL_PROCESS");
  EXPECT_EQ(Run(spec).out, "159\n");  // 128 + SIGSYS
}

TEST_F(ContainerTest, ADefaultOfErrnoWithAListOfAllowedWorks) {
  grpc::Spec spec = Spec({"/bin/echo", "hi"});
  spec.mutable_process()->set_nonewprivileges(true);
  spec.mutable_linux()->mutable_seccomp()->set_defaultaction("SCMP_ACT_ERRNO");
  spec.mutable_linux()->mutable_seccomp()->add_architectures("SCMP_ARCH_X86_64");
  spec.mutable_linux()->mutable_seccomp()->add_architectures("SCMP_ARCH_X86");
  grpc::LinuxSyscall* const rule = Rule(&spec, "execve", "SCMP_ACT_ALLOW");
  for (const char* name : {"write",          "writev",       "exit_group",
                           "exit",           "brk",          "mmap",
                           "munmap",         "arch_prctl",   "set_tid_address",
                           "getuid",         "geteuid",      "getgid",
                           "getegid",        "readlink",     "ioctl",
                           "fstat",          "newfstatat",   "uname",
                           "prlimit64",      "mprotect",     "getrandom",
                           "rt_sigprocmask", "rt_sigaction", "set_robust_list",
                           "rseq",           "prctl",        "no_such_call_anywhere"})
    rule->add_names(name);
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.out, "hi\n") << outcome.status.message() << outcome.signal << outcome.err;
}

}  // namespace
}  // namespace shoji::jail

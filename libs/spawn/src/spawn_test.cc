#include "shoji/spawn/spawn.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

SpawnOptions Command(std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  return options;
}
SpawnOptions Shell(const std::string& script) { return Command({"/bin/sh", "-c", script}); }

// Output of a script; fails the test when it cannot be run.
std::string OutputOf(const SpawnOptions& options) {
  auto result = RunCommand(options, Deadline::After(seconds(30)));
  EXPECT_TRUE(result.ok()) << result.status().message();
  if (!result.ok()) return {};
  EXPECT_EQ(result->exit.ToString(), "exit status 0") << result->output;
  return result->output;
}

std::size_t OpenFds() { return ListDir("/proc/self/fd").value().size(); }

bool HasChildren() {
  siginfo_t info{};
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/spawn_test.XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TempDir() { (void)RemoveTree(path_).ok(); }
  std::string File(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string path = path_ + "/" + name;
    EXPECT_TRUE(WriteFile(path, text).ok());
    chmod(path.c_str(), mode);
    return path;
  }

 private:
  std::string path_;
};

// Every test starts and ends with the same descriptors and without children.
class SpawnTest : public testing::Test {
 protected:
  SpawnTest() : fds_before_(OpenFds()) {}
  void TearDown() override {
    EXPECT_EQ(OpenFds(), fds_before_);
    EXPECT_FALSE(HasChildren());
  }

 private:
  std::size_t fds_before_;
};

TEST_F(SpawnTest, GivesExitCodeAndSignal) {
  auto child = Spawn(Shell("exit 7"));
  ASSERT_TRUE(child.ok()) << child.status().message();
  EXPECT_EQ(child->Wait(Deadline::After(seconds(10)))->ToString(), "exit status 7");
  auto killed = Spawn(Shell("kill -9 $$"));
  ASSERT_TRUE(killed.ok());
  EXPECT_EQ(killed->Wait()->ToString(), "killed by signal 9 (Killed)");
}

TEST_F(SpawnTest, WaitEndsAtTheDeadlineAndCanBeRepeated) {
  auto child = Spawn(Command({"/bin/sleep", "1000"}));
  ASSERT_TRUE(child.ok());
  const auto early = child->Wait(Deadline::After(std::chrono::milliseconds(20)));
  EXPECT_EQ(early.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(child->Signal(SIGTERM).ok());
  EXPECT_EQ(child->Wait()->signal, SIGTERM);
  EXPECT_TRUE(child->Signal(SIGTERM).ok());
  EXPECT_EQ(child->Wait().status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(SpawnTest, KillEndsAndReaps) {
  auto child = Spawn(Command({"sleep", "1000"}));
  ASSERT_TRUE(child.ok());
  EXPECT_TRUE(child->Kill().ok());
  EXPECT_EQ(OpenPidfd(child->pid()).status().code(), StatusCode::kNotFound);
}

TEST_F(SpawnTest, EmptyHandleRefuses) {
  Child child;
  EXPECT_EQ(child.Wait().status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(child.Signal(SIGTERM).code(), StatusCode::kFailedPrecondition);
}

TEST_F(SpawnTest, NamesTheProgramThatCannotBeRun) {
  const TempDir dir;
  const std::string plain = dir.File("plain", "x", 0644);
  const std::string binary = dir.File("binary",
                                      std::string("\x7f"
                                                  "ELF\0\0junk",
                                                  10),
                                      0755);
  const std::string orphan = dir.File("orphan", "#!/no/such/interpreter\n", 0755);
  const struct {
    std::string program;
    StatusCode code;
    std::string text;
  } cases[] = {
      {"no-such-program-here", StatusCode::kNotFound,
       "\"no-such-program-here\" not found in $PATH"},
      {"/no/such/program", StatusCode::kNotFound, "\"/no/such/program\" not found"},
      {plain, StatusCode::kPermissionDenied, "may not be executed"},
      {"/tmp", StatusCode::kPermissionDenied, "may not be executed"},
      {binary, StatusCode::kFailedPrecondition, "not an executable"},
      {orphan, StatusCode::kNotFound, "interpreter"},
      {plain + "/below", StatusCode::kNotFound, "not found"},
  };
  for (const auto& c : cases) {
    const Status status = Spawn(Command({c.program})).status();
    EXPECT_EQ(status.code(), c.code) << c.program << ": " << status.message();
    EXPECT_THAT(status.message(), HasSubstr(c.text));
    EXPECT_THAT(status.message(), HasSubstr(c.program));
  }
}

TEST_F(SpawnTest, RefusesBadOptions) {
  SpawnOptions no_equals = Shell("true");
  no_equals.env = {"NOTHING"};
  SpawnOptions closed = Shell("true");
  closed.fds = {{9999, 3}};
  SpawnOptions twice = Shell("true");
  twice.fds = {{0, 5}, {1, 5}};
  SpawnOptions negative = Shell("true");
  negative.fds = {{0, -2}};
  SpawnOptions no_cwd = Shell("true");
  no_cwd.cwd = "";
  const std::string nul("a\0b", 3);
  for (const SpawnOptions& bad : {Command({}), Command({""}), Command({"/bin/true", nul}),
                                  no_equals, closed, twice, negative, no_cwd}) {
    EXPECT_EQ(Spawn(bad).status().code(), StatusCode::kInvalidArgument);
  }
  SpawnOptions missing = Shell("true");
  missing.cwd = "/no/such/dir";
  const Status status = Spawn(missing).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("\"/no/such/dir\""));
}

TEST_F(SpawnTest, ArgumentsAndDirectoryArriveAsGiven) {
  EXPECT_EQ(OutputOf(Command({"printf", "[%s]", "a b", "", "$HOME", "\"'"})),
            "[a b][][$HOME][\"']");
  SpawnOptions options = Shell("pwd");
  EXPECT_EQ(OutputOf(options), "/\n");
  options.cwd = "/usr";
  EXPECT_EQ(OutputOf(options), "/usr\n");
}

TEST_F(SpawnTest, EnvironmentIsAddedAndOverrides) {
  SpawnOptions options = Command({"/usr/bin/env"});
  options.env = {"SHOJI_A=1", "SHOJI_A=2", "HOME=/nowhere"};
  std::size_t homes = 0;
  std::vector<std::string> ours;
  for (const std::string& line : Split(OutputOf(options), '\n')) {
    if (line.rfind("HOME=", 0) == 0) ++homes;
    if (line.rfind("SHOJI_A=", 0) == 0 || line == "HOME=/nowhere") ours.push_back(line);
  }
  EXPECT_EQ(homes, 1U);
  EXPECT_THAT(ours, testing::UnorderedElementsAre("SHOJI_A=2", "HOME=/nowhere"));
  EXPECT_THAT(OutputOf(Shell("echo $PATH")), HasSubstr("/"));
}

TEST_F(SpawnTest, OnlyNamedDescriptorsArrive) {
  const UniqueFd inherited(open("/dev/zero", O_RDONLY));  // no O_CLOEXEC on purpose
  SpawnOptions options = Shell("for f in /proc/self/fd/*; do echo ${f##*/}; done");
  options.fds = {{inherited.get(), 7}};
  // The shell itself opens the directory: one more, the lowest that is free.
  EXPECT_EQ(OutputOf(options), "0\n1\n2\n3\n7\n");
}

TEST_F(SpawnTest, StandardDescriptorsAreNullUnlessNamed) {
  SpawnOptions options = Shell("readlink /proc/$$/fd/0 /proc/$$/fd/2 >&5");
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  options.fds = {{writer.get(), 5}};
  auto child = Spawn(options);
  ASSERT_TRUE(child.ok());
  writer.reset();
  EXPECT_EQ(*ReadAll(reader.get()), "/dev/null\n/dev/null\n");
  EXPECT_EQ(child->Wait()->code, 0);
}

TEST_F(SpawnTest, OverlappingDescriptorsSwap) {
  const TempDir dir;
  const UniqueFd a(open(dir.File("a", "A", 0600).c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd b(open(dir.File("b", "B", 0600).c_str(), O_RDONLY | O_CLOEXEC));
  SpawnOptions options = Command({"/bin/bash", "-c", "cat <&$A; cat <&$B; cat <&$C"});
  // a and b change places; a third number shares a's file.
  const int high = std::max(a.get(), b.get()) + 40;
  options.fds = {{a.get(), b.get()}, {b.get(), a.get()}, {b.get(), high}};
  options.env = {"A=" + std::to_string(a.get()), "B=" + std::to_string(b.get()),
                 "C=" + std::to_string(high)};
  EXPECT_EQ(OutputOf(options), "BA");  // the shared offset of b is at its end
}

TEST_F(SpawnTest, SameNumberLosesCloseOnExec) {
  const TempDir dir;
  const UniqueFd a(open(dir.File("a", "A", 0600).c_str(), O_RDONLY | O_CLOEXEC));
  SpawnOptions options = Command({"/bin/bash", "-c", "cat <&" + std::to_string(a.get())});
  options.fds = {{a.get(), a.get()}};
  EXPECT_EQ(OutputOf(options), "A");
}

void Nothing(int) {}

TEST_F(SpawnTest, SignalsAreDefaultInTheChildAndUntouchedHere) {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction handle {};
  handle.sa_handler = Nothing;
  struct sigaction old_pipe {
  }, old_usr{};
  sigaction(SIGPIPE, &ignore, &old_pipe);
  sigaction(SIGUSR1, &handle, &old_usr);
  sigset_t block, before;
  sigemptyset(&block);
  sigaddset(&block, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &block, &before);

  const std::string status = OutputOf(Command({"grep", "Sig[BIC]", "/proc/self/status"}));
  EXPECT_THAT(status, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("SigIgn:\t0000000000000000"));

  sigset_t now;
  pthread_sigmask(SIG_SETMASK, &before, &now);
  EXPECT_EQ(sigismember(&now, SIGTERM), 1);
  EXPECT_EQ(sigismember(&now, SIGINT), 0);
  struct sigaction current {};
  sigaction(SIGPIPE, &old_pipe, &current);
  EXPECT_EQ(current.sa_handler, SIG_IGN);
  sigaction(SIGUSR1, &old_usr, &current);
  EXPECT_EQ(current.sa_handler, Nothing);
}

TEST_F(SpawnTest, NewSessionIsItsOwn) {
  SpawnOptions options = Command({"/bin/sh", "-c",
                                  "read -r p c s g o rest < /proc/self/stat; "
                                  "[ $p = $o ] && echo own || echo shared"});
  EXPECT_EQ(OutputOf(options), "shared\n");
  options.new_session = true;
  // Field 6 of stat is the session; the shell reads its own line.
  options.argv[2] = "set -- $(cat /proc/$$/stat); [ $1 = $6 ] && echo own || echo shared";
  EXPECT_EQ(OutputOf(options), "own\n");
}

TEST_F(SpawnTest, ManyThreadsAtOnce) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < 10; ++i) {
        const std::string want = std::to_string(t) + "." + std::to_string(i);
        auto result = RunCommand(Command({"echo", "-n", want}));
        if (!result.ok() || result->output != want) ++wrong;
        if (Spawn(Command({"/no/such"})).status().code() != StatusCode::kNotFound) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(SpawnTest, RunCommandBoundsOutputAndTime) {
  EXPECT_EQ(OutputOf(Shell("echo out; echo err >&2")), "out\nerr\n");
  EXPECT_EQ(OutputOf(Shell("head -c 3000000 /dev/zero")).size(), 1U << 20U);
  const auto slow =
      RunCommand(Command({"sleep", "1000"}), Deadline::After(std::chrono::milliseconds(50)));
  EXPECT_EQ(slow.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(slow.status().message(), HasSubstr("sleep"));
  const auto endless = RunCommand(Command({"yes"}), Deadline::After(std::chrono::milliseconds(50)));
  EXPECT_EQ(endless.status().code(), StatusCode::kDeadlineExceeded);
}

TEST_F(SpawnTest, RunCommandDoesNotWaitForGrandchildren) {
  const std::string output = OutputOf(Shell("sleep 1000 & echo $!"));
  const auto pid = ParseInt(Trim(output));
  ASSERT_TRUE(pid.ok());
  kill(static_cast<pid_t>(*pid), SIGKILL);
}

TEST_F(SpawnTest, OpenPidfdFindsAnyProcess) {
  EXPECT_TRUE(OpenPidfd(getpid()).ok());
  EXPECT_TRUE(OpenPidfd(1).ok());
  EXPECT_EQ(OpenPidfd(0).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(OpenPidfd(-1).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(OpenPidfd(INT32_MAX).status().code(), StatusCode::kNotFound);
}

// ---- namespaces and terminals: need root -----------------------------------------------

std::string Namespace(const std::string& of, const std::string& kind) {
  char text[64] = {};
  const std::string path = "/proc/" + of + "/ns/" + kind;
  const ssize_t n = readlink(path.c_str(), text, sizeof text);
  return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : path + " cannot be read";
}

// A process that reads its standard input to the end, to be ended by closing `hold`.
struct Waiting {
  UniqueFd hold;
  Child child;
};
Waiting StartWaiting(SpawnOptions options) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd in(ends[0]);
  Waiting out{UniqueFd(ends[1]), {}};
  options.argv = {"/bin/cat"};
  options.fds = {{in.get(), 0}};
  auto child = Spawn(options);
  EXPECT_TRUE(child.ok()) << child.status().message();
  if (child.ok()) out.child = std::move(*child);
  return out;
}

TEST_F(SpawnTest, IsProcessOneOfItsOwnAndOursAllTheSame) {
  SpawnOptions options = Shell("echo $$ $PPID; exit 0");
  options.new_pid_namespace = true;
  EXPECT_EQ(OutputOf(options), "1 0\n");
  options.argv[2] = "exit 7";
  auto child = Spawn(options);
  ASSERT_TRUE(child.ok()) << child.status().message();
  EXPECT_EQ(child->Wait()->code, 7) << "it is a child of ours";
}

TEST_F(SpawnTest, JoinsAPidNamespaceAndLeavesOursAlone) {
  SpawnOptions options;
  options.new_pid_namespace = true;
  Waiting first = StartWaiting(options);
  options.new_pid_namespace = false;
  options.join_pid_namespace = first.child.pid();
  Waiting second = StartWaiting(options);
  const std::string space = Namespace(std::to_string(first.child.pid()), "pid");
  EXPECT_EQ(Namespace(std::to_string(second.child.pid()), "pid"), space);
  EXPECT_NE(Namespace("self", "pid"), space);
  EXPECT_EQ(Namespace("thread-self", "pid_for_children"), Namespace("self", "pid"));
  first.hold.reset();
  EXPECT_EQ(second.child.Wait()->signal, SIGKILL) << "process 1 takes them all along";
  // Its end is over only when all others of its namespace are reaped.
  EXPECT_EQ(first.child.Wait()->ToString(), "exit status 0");
  options.argv = {"/bin/true"};
  EXPECT_EQ(Spawn(options).status().code(), StatusCode::kNotFound);
}

TEST_F(SpawnTest, AReaperInheritsItFromItsNamespace) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
  int in[2];
  int told[2];
  ASSERT_EQ(pipe2(in, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
  const UniqueFd ends[] = {UniqueFd(in[0]), UniqueFd(told[0]), UniqueFd(told[1])};
  UniqueFd hold(in[1]);
  const pid_t between = fork();
  if (between == 0) {
    SpawnOptions options = Shell("read word; exit 6");
    options.new_pid_namespace = true;
    options.fds = {{in[0], 0}};
    const auto child = Spawn(options);
    const pid_t pid = child.ok() ? child->pid() : -1;
    _exit(write(told[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(between, &status, 0), between);
  pid_t pid = -1;
  ASSERT_EQ(read(told[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  hold.reset();
  ASSERT_GT(pid, 0);
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 6);
  prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

TEST_F(SpawnTest, NothingCanJoinProcessOneThatHasEnded) {
  SpawnOptions options = Command({"/bin/true"});
  options.new_pid_namespace = true;
  auto zombie = Spawn(options);
  ASSERT_TRUE(zombie.ok());
  siginfo_t info{};
  ASSERT_EQ(waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(zombie->pidfd()), &info,
                   WEXITED | WNOWAIT),
            0);
  options.new_pid_namespace = false;
  options.join_pid_namespace = zombie->pid();
  const Status status = Spawn(options).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr(std::to_string(zombie->pid())));
  EXPECT_EQ(Namespace("thread-self", "pid_for_children"), Namespace("self", "pid"));
  EXPECT_TRUE(zombie->Wait().ok());
}

TEST_F(SpawnTest, EntersANetworkNamespace) {
  const std::string ours = Namespace("self", "net");
  Waiting other = StartWaiting({});
  SpawnOptions unshared = Command({"unshare", "-n", "/bin/sh", "-c", "echo; exec cat"});
  int out[2];
  int in[2];
  ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(in, O_CLOEXEC), 0);
  const UniqueFd ends[] = {UniqueFd(out[0]), UniqueFd(out[1]), UniqueFd(in[0])};
  UniqueFd hold(in[1]);
  unshared.fds = {{in[0], 0}, {out[1], 1}};
  auto owner = Spawn(unshared);
  ASSERT_TRUE(owner.ok()) << owner.status().message();
  char byte = 0;
  ASSERT_EQ(read(out[0], &byte, 1), 1);  // it has a namespace of its own now
  const std::string pid = std::to_string(owner->pid());
  SpawnOptions options = Command({"readlink", "/proc/self/ns/net"});
  options.network_namespace = "/proc/" + pid + "/ns/net";
  EXPECT_EQ(std::string(Trim(OutputOf(options))), Namespace(pid, "net"));
  EXPECT_NE(Namespace(pid, "net"), ours);
  EXPECT_EQ(Namespace("thread-self", "net"), ours);
  hold.reset();
  EXPECT_TRUE(owner->Wait().ok());
  other.hold.reset();
  EXPECT_TRUE(other.child.Wait().ok());
}

TEST_F(SpawnTest, GivesAControllingTerminal) {
  const UniqueFd main_end(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(main_end && grantpt(main_end.get()) == 0 && unlockpt(main_end.get()) == 0);
  const UniqueFd terminal(open(ptsname(main_end.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  SpawnOptions options = Shell("exec 3<>/dev/tty && echo here");
  options.new_session = true;
  options.fds = {{terminal.get(), 0}};
  options.controlling_terminal = true;
  EXPECT_EQ(OutputOf(options), "here\n");
  options.fds.clear();
  EXPECT_THAT(Spawn(options).status().message(), HasSubstr("controlling terminal"));
}

TEST_F(SpawnTest, NamespacesThatCannotBe) {
  SpawnOptions options = Command({"/bin/true"});
  options.network_namespace = "/no/such/netns";
  EXPECT_EQ(Spawn(options).status().code(), StatusCode::kNotFound);
  options.network_namespace = "/etc/passwd";
  const Status no_namespace = Spawn(options).status();
  EXPECT_THAT(no_namespace.message(), HasSubstr("network namespace \"/etc/passwd\""));
  options.network_namespace.clear();
  options.join_pid_namespace = -1;
  EXPECT_EQ(Spawn(options).status().code(), StatusCode::kInvalidArgument);
  options.join_pid_namespace = INT32_MAX;
  EXPECT_EQ(Spawn(options).status().code(), StatusCode::kNotFound);
  options.join_pid_namespace = getpid();
  EXPECT_TRUE(Spawn(options)->Wait().ok());
  options.new_pid_namespace = true;
  EXPECT_EQ(Spawn(options).status().code(), StatusCode::kInvalidArgument);
  options = Command({"/bin/true"});
  options.controlling_terminal = true;
  EXPECT_EQ(Spawn(options).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji

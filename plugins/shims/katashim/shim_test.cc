// The plugin with programs of the test's own in place of kata-shim.
#include "shim.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "process.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/testing/fake_host.h"
#include "shoji/spawn/spawn.h"

namespace shoji::katashim {
namespace {

using sdk::testing::FakeCall;
using sdk::testing::FakeHost;
using sdk::testing::FakeOptions;
using ::testing::HasSubstr;

class KataShimTest : public ::testing::Test {
 protected:
  KataShimTest() {
    char name[] = "/tmp/katashim.XXXXXX";
    dir_ = mkdtemp(name);
    params_.struct_size = sizeof params_;
    params_.sandbox_id = params_.container_id = sdk::ToStr("c1");
    params_.exec_id = sdk::ToStr("e1");
    params_.proxy_url = sdk::ToStr("unix:///run/proxy.sock");
    params_.flags = SHOJI_SHIM_DETACH;
  }
  ~KataShimTest() override { std::filesystem::remove_all(dir_); }

  // A shim that writes what it sees into `out` and then does `rest`.
  void Script(const std::string& rest) {
    program_ = dir_ + "/kata-shim";
    const std::string see =
        "#!/bin/sh\n{ echo \"$@\"; echo pid $$; env; readlink /proc/self/ns/net; } > " + out() +
        "\n";
    ASSERT_TRUE(WriteFile(program_, see + rest + "\n", 0700).ok());
  }
  std::string out() const { return dir_ + "/out"; }
  std::string Seen() const {
    auto text = ReadFile(out());
    return text.ok() ? *text : "";
  }
  Result<std::int32_t> Start(const shoji_call* call = nullptr) {
    const FakeOptions options({{"path", program_}, {"debug", debug_}});
    return KataShim::Start(sdk::Host(host_.raw()), options.raw(), call, params_);
  }
  std::int32_t Started() {
    const auto pid = Start();
    EXPECT_TRUE(pid.ok()) << pid.status().message();
    return pid.ok() ? *pid : 0;
  }
  Status Stop(std::int32_t pid, const shoji_call* call = nullptr) {
    return KataShim::Stop(sdk::Host(host_.raw()), call, pid);
  }
  static int StatusOf(std::int32_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
  }
  // Waits until the script has said all it has to say.
  void AwaitSeen() const {
    const auto end = Deadline::After(std::chrono::seconds(20));
    while (Seen().find("\nnet:[") == std::string::npos && !end.passed()) usleep(1000);
    ASSERT_THAT(Seen(), HasSubstr("\nnet:["));
  }

  FakeHost host_;
  std::string dir_;
  std::string program_;
  std::string debug_ = "false";
  shoji_shim_params params_{};
};

TEST_F(KataShimTest, StartsItWithTheFlagsOfKataShim) {
  Script("exit 7");
  params_.flags |= SHOJI_SHIM_TERMINAL;
  debug_ = "true";
  const std::int32_t pid = Started();
  EXPECT_EQ(WEXITSTATUS(StatusOf(pid)), 7);
  EXPECT_THAT(Seen(), HasSubstr("-agent unix:///run/proxy.sock -container c1 -exec-id e1 "
                                "-terminal -log debug\n"));
  EXPECT_THAT(Seen(), HasSubstr("pid 1\n")) << "process 1 of its own namespace";
  EXPECT_THAT(Seen(), HasSubstr("SHOJI_SANDBOX_DIR=/fake/sandboxes/c1"));
  EXPECT_TRUE(Stop(pid).ok()) << "it is gone";
}

TEST_F(KataShimTest, AnExecJoinsItsContainersNamespace) {
  Script("exec sleep 1000");
  const std::int32_t first = Started();
  AwaitSeen();
  ASSERT_EQ(unlink(out().c_str()), 0);
  params_.join_pid = first;
  params_.netns = sdk::ToStr("/proc/self/ns/net");
  const std::int32_t second = Started();
  AwaitSeen();
  EXPECT_THAT(Seen(), Not(HasSubstr("pid 1\n")));
  EXPECT_TRUE(Stop(second).ok());
  EXPECT_EQ(WTERMSIG(StatusOf(second)), SIGKILL);
  EXPECT_TRUE(Stop(first).ok());
  EXPECT_EQ(WTERMSIG(StatusOf(first)), SIGKILL);
}

TEST_F(KataShimTest, OlderHostsSayNothingOfNamespaces) {
  Script("exit 0");
  params_.struct_size = offsetof(shoji_shim_params, netns);
  params_.join_pid = 99999999;  // not to be looked at
  EXPECT_EQ(WEXITSTATUS(StatusOf(Started())), 0);
}

TEST_F(KataShimTest, AConsoleIsItsTerminal) {
  const UniqueFd main_end(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(main_end && grantpt(main_end.get()) == 0 && unlockpt(main_end.get()) == 0);
  const std::string console = ptsname(main_end.get());
  params_.flags = SHOJI_SHIM_TERMINAL;
  params_.console = sdk::ToStr(console);
  Script("echo here > /dev/tty; read word; [ $word = typed ]");
  const std::int32_t pid = Started();
  std::string text;
  while (text.find("here") == std::string::npos) {
    char buffer[256];
    const ssize_t n = read(main_end.get(), buffer, sizeof buffer);
    ASSERT_GT(n, 0);
    text.append(buffer, static_cast<std::size_t>(n));
  }
  ASSERT_TRUE(WriteAll(main_end.get(), "typed\n").ok());
  EXPECT_EQ(StatusOf(pid), 0);
  const std::string no_console = "/dev/pts/nothing";
  params_.console = sdk::ToStr(no_console);
  EXPECT_THAT(Start().status().message(), HasSubstr("console \"/dev/pts/nothing\""));
}

TEST_F(KataShimTest, StopLetsItWriteWhatIsLeft) {
  Script("trap 'echo told' TERM; sleep 0.3; echo last >> " + out() + "; exit 3");
  const std::int32_t pid = Started();
  AwaitSeen();
  EXPECT_TRUE(Stop(pid).ok());
  EXPECT_EQ(WEXITSTATUS(StatusOf(pid)), 3);
  EXPECT_THAT(Seen(), HasSubstr("last\n"));
}

TEST_F(KataShimTest, StopLeavesStrangersAlone) {
  SpawnOptions options;
  options.argv = {"/bin/sleep", "1000"};
  const auto stranger = Spawn(options);
  ASSERT_TRUE(stranger.ok());
  EXPECT_TRUE(Stop(stranger->pid()).ok());
  Child child = Child(stranger->pid(), std::move(*OpenPidfd(stranger->pid())));
  EXPECT_EQ(child.Wait(Deadline::FromNanos(1)).status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(child.Kill().ok());
  EXPECT_TRUE(Stop(SHOJI_SHIM_BUILT_IN).ok());
  EXPECT_EQ(Stop(0).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Stop(-7).code(), StatusCode::kInvalidArgument);
}

// A shim of this sandbox that does nothing, and the socket where it would listen.
class KataShimSignalTest : public KataShimTest {
 protected:
  KataShimSignalTest() {
    EXPECT_TRUE(MakeDirs(dir_ + "/shims").ok());
    SpawnOptions options;
    options.argv = {"/bin/sleep", "1000"};
    options.env = {shims::MarkOf("c1", "c1"), "SHOJI_SANDBOX_DIR=" + dir_};
    shim_ = std::make_unique<Child>(std::move(*Spawn(options)));
    const auto end = Deadline::After(std::chrono::seconds(20));
    while (!shims::SandboxDirOf(shim_->pid()) && !end.passed())
      usleep(1000);  // it is just executed
  }
  ~KataShimSignalTest() override {
    EXPECT_TRUE(shim_->Kill().ok());
    (void)shim_->Wait(Deadline::Never());
  }
  // Answers one caller; gives what it had asked for.
  std::string Serve(const std::string& answer) {
    const UniqueFd caller(accept(listen_.get(), nullptr, nullptr));
    char asked[100];
    const ssize_t n = read(caller.get(), asked, sizeof asked);
    (void)send(caller.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    return {asked, static_cast<std::size_t>(n > 0 ? n : 0)};
  }
  Status Signal(std::int32_t number, const shoji_call* call = nullptr) {
    return KataShim::Signal(sdk::Host(host_.raw()), nullptr, call, params_, shim_->pid(), number);
  }
  Status Answered(const std::string& answer) {
    std::string asked;
    std::thread server([&] { asked = Serve(answer); });
    const Status status = Signal(SIGKILL);
    shutdown(listen_.get(), SHUT_RD);  // a server that nobody has called goes, too
    server.join();
    EXPECT_EQ(asked, "signal 9 e1\n") << status.message();
    listen_ = std::move(*ListenUnix(dir_ + "/shims/c1"));
    return status;
  }

  UniqueFd listen_;
  std::unique_ptr<Child> shim_;
};

TEST_F(KataShimSignalTest, TheGuestsAnswerIsTheAnswer) {
  listen_ = std::move(*ListenUnix(dir_ + "/shims/c1"));
  EXPECT_TRUE(Answered("0 \n").ok());
  EXPECT_EQ(Answered("5 gone\n").code(), StatusCode::kNotFound);
  EXPECT_EQ(Answered("13 it is odd\n").code(), StatusCode::kInternal);
  EXPECT_THAT(Answered("13 it is odd\n").message(), HasSubstr("it is odd"));
  EXPECT_EQ(Answered("").code(), StatusCode::kUnavailable) << "it ended first";
  EXPECT_EQ(Answered("what?\n").code(), StatusCode::kUnavailable);
  EXPECT_EQ(Answered(std::string(20000, 'x')).code(), StatusCode::kUnavailable);
  const FakeCall cancelled;
  cancelled.Cancel();
  EXPECT_EQ(Signal(SIGTERM, cancelled.raw()).code(), StatusCode::kCancelled);
}

TEST_F(KataShimSignalTest, WhoDoesNotListenIsUnavailable) {
  EXPECT_EQ(Signal(SIGKILL).code(), StatusCode::kUnavailable);
  const Status self =
      KataShim::Signal(sdk::Host(host_.raw()), nullptr, nullptr, params_, getpid(), SIGKILL);
  EXPECT_THAT(self.message(), HasSubstr("none of a sandbox"));
}

TEST_F(KataShimTest, NamesWhatCannotBeStarted) {
  program_ = "/nonexistent/kata-shim";
  EXPECT_EQ(Start().status().code(), StatusCode::kNotFound);
  EXPECT_THAT(Start().status().message(), HasSubstr("process e1 of container c1"));
  program_ = "kata-shim";
  EXPECT_THAT(Start().status().message(), HasSubstr("absolute path"));
  program_ = "/bin/true";
  const FakeCall cancelled;
  cancelled.Cancel();
  EXPECT_EQ(Start(cancelled.raw()).status().code(), StatusCode::kCancelled);
  params_.proxy_url = sdk::ToStr("noop://");
  EXPECT_THAT(Start().status().message(), HasSubstr("katashimbuiltin"));
  params_.exec_id = {};
  EXPECT_THAT(Start().status().message(), HasSubstr("exec_id"));
}

}  // namespace
}  // namespace shoji::katashim

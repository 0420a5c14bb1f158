#include "runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "shoji/base/file.h"

namespace shoji::validate {
namespace {

using testing::HasSubstr;

Check Named(const std::string& name, std::function<Verdict(const Target&)> run,
            std::vector<std::string> needs = {}) {
  return {name, "", 1, "", std::move(needs), std::move(run)};
}

Record RunOne(std::function<Verdict(const Target&)> run, std::chrono::seconds timeout) {
  const std::vector<Check> checks = {Named("one", std::move(run))};
  RunOptions options;
  options.timeout = timeout;
  auto records = RunChecks({}, checks, options);
  EXPECT_TRUE(records.ok()) << records.status().message();
  Record record = records->front();
  record.check = nullptr;  // it is gone
  return record;
}
constexpr std::chrono::seconds kLong(60);

TEST(Runner, TellsWhatTheCheckSays) {
  EXPECT_EQ(RunOne([](const Target&) { return Pass(); }, kLong).result, CheckResult::kPass);
  const Record failed = RunOne([](const Target&) { return Fail("two\nlines"); }, kLong);
  EXPECT_EQ(failed.result, CheckResult::kFail);
  EXPECT_EQ(failed.reason, "two lines");
  EXPECT_EQ(RunOne([](const Target&) { return Warn("w"); }, kLong).result, CheckResult::kWarning);
}

TEST(Runner, NamesTheSignalAndTheLastWords) {
  const Record record = RunOne(
      [](const Target&) {
        fprintf(stderr, "first\nout of cheese\n");
        raise(SIGKILL);
        return Pass();
      },
      kLong);
  EXPECT_EQ(record.result, CheckResult::kCrash);
  EXPECT_EQ(record.reason, "killed by SIGKILL; its last words: out of cheese");
}

TEST(Runner, AnExitOrAnExceptionIsACrash) {
  const Record exited = RunOne([](const Target&) -> Verdict { _exit(3); }, kLong);
  EXPECT_EQ(exited.result, CheckResult::kCrash);
  EXPECT_THAT(exited.reason, HasSubstr("exit status 3"));
  const Record thrown =
      RunOne([](const Target&) -> Verdict { throw std::runtime_error("oh"); }, kLong);
  EXPECT_EQ(thrown.result, CheckResult::kCrash);
  EXPECT_THAT(thrown.reason, HasSubstr("oh"));
}

TEST(Runner, EndsWhatHangs) {
  const Record record = RunOne(
      [](const Target&) -> Verdict {
        for (;;) pause();
      },
      std::chrono::seconds(1));
  EXPECT_EQ(record.result, CheckResult::kFail);
  EXPECT_THAT(record.reason, HasSubstr("did not return within 1 seconds"));
}

// A process that left its session and whose parent has ended.
Verdict Daemon(const std::string& pid_file) {
  int ready[2];
  if (pipe(ready) < 0) return Fail("pipe");
  const pid_t parent = fork();
  if (parent == 0) {
    setsid();
    if (fork() == 0) {
      (void)WriteFile(pid_file, std::to_string(getpid()));
      (void)WriteAll(ready[1], "x");
      for (;;) pause();
    }
    _exit(0);
  }
  // Else it might still be there when processes are counted.
  (void)waitpid(parent, nullptr, 0);
  char byte;
  return read(ready[0], &byte, 1) == 1 ? Pass() : Fail("read");
}

TEST(Runner, FindsAndEndsDaemons) {
  char dir[] = "/tmp/runner-test-XXXXXX";
  ASSERT_NE(mkdtemp(dir), nullptr);
  const std::string pid_file = std::string(dir) + "/pid";
  const Record record = RunOne([&](const Target&) { return Daemon(pid_file); }, kLong);
  EXPECT_EQ(record.result, CheckResult::kFail);
  EXPECT_EQ(record.left.size(), 1U);
  EXPECT_THAT(record.reason, HasSubstr("running"));
  const auto pid = ReadFile(pid_file);
  ASSERT_TRUE(pid.ok());
  EXPECT_EQ(kill(std::atoi(pid->c_str()), 0), -1);
  EXPECT_EQ(errno, ESRCH);
  EXPECT_TRUE(RemoveTree(dir).ok());
}

TEST(Runner, ScratchIsEmptyAndRemoved) {
  std::string seen;
  char file[] = "/tmp/runner-scratch-XXXXXX";
  const int fd = mkstemp(file);
  ASSERT_GE(fd, 0);
  close(fd);
  const Record record = RunOne(
      [&](const Target& target) {
        const auto names = ListDir(target.scratch);
        if (!names.ok() || !names->empty()) return Fail("not empty");
        (void)WriteFile(target.scratch + "/x", "x");
        (void)WriteFile(file, target.scratch);
        return Pass();
      },
      kLong);
  EXPECT_EQ(record.result, CheckResult::kPass) << record.reason;
  const auto scratch = ReadFile(file);
  ASSERT_TRUE(scratch.ok());
  EXPECT_FALSE(scratch->empty());
  EXPECT_FALSE(PathExists(*scratch));
  EXPECT_TRUE(RemoveFile(file).ok());
}

TEST(Runner, SkipsWhatNeedsAFailedCheck) {
  const std::vector<Check> checks = {
      Named("third", [](const Target&) { return Pass(); }, {"second"}),
      Named("first", [](const Target&) { return Fail("no"); }),
      Named("second", [](const Target&) { return Pass(); }, {"first"}),
      Named("fourth", [](const Target&) { return Pass(); }, {"not among them"})};
  const auto records = RunChecks({}, checks, {});
  ASSERT_TRUE(records.ok());
  EXPECT_EQ((*records)[0].result, CheckResult::kSkip);
  EXPECT_EQ((*records)[0].reason, "needs second");
  EXPECT_EQ((*records)[1].result, CheckResult::kFail);
  EXPECT_EQ((*records)[2].reason, "needs first");
  EXPECT_EQ((*records)[3].result, CheckResult::kPass);
}

}  // namespace
}  // namespace shoji::validate

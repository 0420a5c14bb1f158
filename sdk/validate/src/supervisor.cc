#include "supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>

#include "shoji/base/deadline.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"
#include "shoji/spawn/spawn.h"

namespace shoji::validate {
namespace {

constexpr std::size_t kReasonMax = 2000;

std::string OneLine(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kReasonMax)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  return out;
}

CheckResult ResultOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPass:
      return CheckResult::kPass;
    case Outcome::kFail:
      return CheckResult::kFail;
    case Outcome::kSkip:
      return CheckResult::kSkip;
    case Outcome::kWarning:
      return CheckResult::kWarning;
  }
  return CheckResult::kFail;
}

// The child: runs the check with its output in a file.
[[noreturn]] void RunChild(const Target& target, const Check& check,
                           const SupervisorOptions& options, int result_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int output = open((options.directory + "/output").c_str(),
                          O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dup2(null, 0);
  dup2(output, 1);
  dup2(output, 2);
  // Nothing of the kit's is open besides the way back.
  dup3(result_fd, 3, O_CLOEXEC);
  close_range(4, ~0U, 0);
  Target mine = target;
  mine.scratch = options.directory + "/scratch";
  if (chdir(options.directory.c_str()) < 0) _exit(70);
  const Record record = RunHere(std::move(mine), check);
  (void)WriteAll(3, PackRecord(record));
  _exit(0);
}

std::string CommandOf(const std::string& pid) {
  const Result<std::string> line = ReadFile("/proc/" + pid + "/cmdline", 4096);
  std::string text = line.ok() ? *line : std::string();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return pid + " (" + std::string(Trim(OneLine(text.substr(0, 80)))) + ")";
}

// State and parent of a process, from /proc/PID/stat.
bool IsLivingChildOf(const std::string& pid, pid_t parent) {
  const Result<std::string> stat = ReadFile("/proc/" + pid + "/stat", 4096);
  if (!stat.ok()) return false;
  const std::size_t at = stat->rfind(')');
  char state = 0;
  int ppid = 0;
  if (at == std::string::npos || sscanf(stat->c_str() + at + 1, " %c %d", &state, &ppid) != 2) {
    return false;
  }
  return ppid == parent && state != 'Z' && state != 'X';
}

std::vector<std::string> LivingChildren() {
  std::vector<std::string> out;
  const Result<std::vector<std::string>> names = ListDir("/proc");
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    if (name[0] >= '1' && name[0] <= '9' && IsLivingChildOf(name, getpid())) out.push_back(name);
  }
  return out;
}

// Everything below this process becomes its child when what is between ends, so killing
// children until there is none reaches all. Gives those that lived.
std::vector<std::string> EndDescendants() {
  std::vector<std::string> ended;
  for (;;) {
    for (const std::string& pid : LivingChildren()) {
      ended.push_back(CommandOf(pid));
      kill(std::atoi(pid.c_str()), SIGKILL);
    }
    int status = 0;
    const pid_t reaped = waitpid(-1, &status, 0);
    if (reaped < 0 && errno == ECHILD) return ended;
  }
}

// Waits until the check has ended, its time is over, or the runner is gone.
enum class End { kEnded, kTimeout, kAbandoned };
End WaitForEnd(int pidfd, const SupervisorOptions& options) {
  const Deadline deadline = Deadline::After(options.timeout);
  for (;;) {
    pollfd polled[2] = {{pidfd, POLLIN, 0}, {options.lifeline_fd, POLLIN, 0}};
    const int ready = poll(polled, 2, deadline.PollTimeout());
    if (ready < 0 && errno != EINTR) return End::kAbandoned;
    if (polled[0].revents != 0) return End::kEnded;
    if (polled[1].revents != 0) return End::kAbandoned;
    if (deadline.passed()) return End::kTimeout;
  }
}

std::string LastLine(const std::string& path) {
  const Result<std::string> text = ReadFile(path, 1U << 20U);
  if (!text.ok()) return {};
  const std::string_view all = Trim(*text);
  const std::size_t at = all.rfind('\n');
  const std::string_view line = at == std::string_view::npos ? all : all.substr(at + 1);
  return line.empty() ? std::string() : "; its last words: " + OneLine(line.substr(0, 300));
}

// What is in the pipe now; who holds the other end does not matter.
std::string ReadNow(int fd) {
  fcntl(fd, F_SETFL, O_NONBLOCK);
  std::string out;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(fd, buffer, sizeof(buffer))) > 0;) {
    out.append(buffer, static_cast<std::size_t>(n));
  }
  return out;
}

std::string SignalText(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name == nullptr ? "signal " + std::to_string(signal) : "SIG" + std::string(name);
}

Record RecordOf(End end, int status, const std::string& told, const SupervisorOptions& options) {
  Record record;
  const std::string last = LastLine(options.directory + "/output");
  if (end == End::kTimeout) {
    record.result = CheckResult::kFail;
    record.reason =
        "did not return within " + std::to_string(options.timeout.count()) + " seconds" + last;
  } else if (WIFSIGNALED(status)) {
    record.result = CheckResult::kCrash;
    record.reason = "killed by " + SignalText(WTERMSIG(status)) + last;
  } else if (told.empty() || WEXITSTATUS(status) != 0) {
    record.result = CheckResult::kCrash;
    record.reason =
        "ended the process with exit status " + std::to_string(WEXITSTATUS(status)) + last;
  } else {
    UnpackRecord(told, &record);
  }
  return record;
}

}  // namespace

Record RunHere(Target target, const Check& check) {
  const std::int64_t begin = Deadline::NowNanos();
  Record record;
  record.check = &check;
  try {
    if (const Status made = MakeDirs(target.scratch, 0700); !made.ok()) {
      record.reason = made.message();
      return record;
    }
    const Verdict verdict = check.run(target);
    record.result = ResultOf(verdict.outcome);
    record.reason = OneLine(verdict.reason);
  } catch (const std::exception& e) {
    record.result = CheckResult::kCrash;
    record.reason = OneLine(std::string("an exception got out: ") + e.what());
  }
  record.milliseconds = (Deadline::NowNanos() - begin) / 1'000'000;
  return record;
}

void Supervise(const Target& target, const Check& check, const SupervisorOptions& options) {
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const std::int64_t begin = Deadline::NowNanos();
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) < 0) _exit(70);
  const pid_t child = fork();
  if (child < 0) _exit(70);
  if (child == 0) RunChild(target, check, options, pipe_fds[1]);
  const Result<UniqueFd> pidfd = OpenPidfd(child);
  const End end = pidfd.ok() ? WaitForEnd(pidfd->get(), options) : End::kTimeout;
  if (end != End::kEnded) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  Record record = RecordOf(end, status, ReadNow(pipe_fds[0]), options);
  std::vector<std::string> left = EndDescendants();
  // What is left of a check that was killed is no surprise.
  const bool ended_itself = end == End::kEnded && record.result != CheckResult::kCrash;
  if (ended_itself) record.left = std::move(left);
  record.milliseconds = (Deadline::NowNanos() - begin) / 1'000'000;
  if (const Status removed = RemoveTree(options.directory); !removed.ok()) {
    record.result = CheckResult::kFail;
    record.reason += (record.reason.empty() ? "" : "; ") + removed.message();
  }
  (void)WriteAll(options.report_fd, PackRecord(record));
  _exit(0);
}

std::string PackRecord(const Record& record) {
  const nlohmann::json packed = {{"result", static_cast<int>(record.result)},
                                 {"reason", record.reason},
                                 {"left", record.left},
                                 {"ms", record.milliseconds}};
  return packed.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void UnpackRecord(std::string_view text, Record* record) {
  const auto packed = nlohmann::json::parse(text, nullptr, false);
  if (!packed.is_object()) {
    record->result = CheckResult::kCrash;
    record->reason = "the process of the check ended without a word";
    return;
  }
  record->result = static_cast<CheckResult>(packed.value("result", 0));
  record->reason = packed.value("reason", "");
  record->left = packed.value("left", std::vector<std::string>());
  record->milliseconds = packed.value("ms", std::int64_t{0});
}

}  // namespace shoji::validate

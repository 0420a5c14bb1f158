// What a plugin leaves behind after shutdown(), and what it changes in the process.
#include <malloc.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>

#include "kinds.h"
#include "shoji/base/deadline.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

extern char** environ;

namespace shoji::validate {
namespace {

constexpr int kMemoryRounds = 50;
constexpr std::size_t kMemoryMax = 64U << 10U;  // bytes that 50 rounds may cost
constexpr std::chrono::milliseconds kThreadsEnd(2000);

// A whole life: open, an instance, wrong calls, shutdown.
Status Life(const Target& target, bool with_failures = true) {
  SHOJI_ASSIGN_OR_RETURN(const auto session, Session::Open(target));
  const Kind* const kind = FindKind(target.note->kind);
  (void)kind->live(*session);
  Provoker provoker;
  if (with_failures) kind->provoke(*session, provoker);
  session->Shutdown();
  return OkStatus();
}

#define KIT_LIFE(target)                         \
  do {                                           \
    const Status life = Life(target);            \
    if (!life.ok()) return Fail(life.message()); \
  } while (false)

// "7 -> /run/x.sock"
std::map<std::string, std::string> Descriptors() {
  std::map<std::string, std::string> out;
  const Result<std::vector<std::string>> names = ListDir("/proc/self/fd");
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    char buffer[256];
    const ssize_t size = readlink(("/proc/self/fd/" + name).c_str(), buffer, sizeof(buffer));
    // The directory itself, which is closed by now.
    if (size > 0) out[name] = std::string(buffer, static_cast<std::size_t>(size));
  }
  return out;
}

Verdict ClosesDescriptors(const Target& target) {
  // The first life may open what the process keeps, like a log of libc.
  KIT_LIFE(target);
  const auto before = Descriptors();
  KIT_LIFE(target);
  for (const auto& [number, what] : Descriptors()) {
    const auto found = before.find(number);
    KIT_EXPECT(found != before.end() && found->second == what,
               "descriptor " + number + " (" + what + ") is open after shutdown()");
  }
  return Pass();
}

std::size_t CountThreads() {
  const Result<std::vector<std::string>> tasks = ListDir("/proc/self/task");
  return tasks.ok() ? tasks->size() : 0;
}

// Detached threads of libraries take a moment to end.
bool ThreadsEnd(std::size_t wanted, std::chrono::milliseconds patience = kThreadsEnd) {
  const Deadline deadline = Deadline::After(patience);
  while (CountThreads() > wanted) {
    if (deadline.passed()) return false;
    poll(nullptr, 0, 5);
  }
  return true;
}

// A pool that a library keeps for the process is not nice, but does not grow.
Verdict EndsThreads(const Target& target) {
  const std::size_t before = CountThreads();
  KIT_LIFE(target);
  if (ThreadsEnd(before)) return Pass();
  const std::size_t kept = CountThreads();
  KIT_LIFE(target);
  KIT_EXPECT(ThreadsEnd(kept, kThreadsEnd / 2),
             std::to_string(CountThreads() - before) +
                 " threads run on after two rounds of opening and shutting down");
  return Warn(std::to_string(kept - before) +
              " threads run on after shutdown(); a second round does not add to them");
}

// Direct children, also those that have ended; the rest is found by the runner.
Verdict ReapsProcesses(const Target& target) {
  KIT_LIFE(target);
  siginfo_t info{};
  const int code = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
  KIT_EXPECT(code < 0 && errno == ECHILD, "a child process is there after shutdown()");
  return Pass();
}

Verdict FreesMemory(const Target& target) {
  std::size_t before = 0;
  bool threads_end = true;
  // The first rounds fill caches.
  for (int round = -5; round < kMemoryRounds; ++round) {
    if (round == 0) before = mallinfo2().uordblks;
    const Status life = Life(target, /*with_failures=*/false);
    KIT_EXPECT(life.ok(), life.message());
    threads_end = threads_end && ThreadsEnd(1);
  }
  const std::size_t after = mallinfo2().uordblks;
  if (after <= before + kMemoryMax) return Pass();
  return Warn(std::to_string((after - before) / 1024) + " KiB more memory are in use after " +
              std::to_string(kMemoryRounds) + " rounds of opening and shutting down");
}

struct SignalState {
  std::array<struct sigaction, NSIG> actions{};
  sigset_t mask{};
};

SignalState Signals() {
  SignalState state;
  for (int i = 1; i < NSIG; ++i) sigaction(i, nullptr, &state.actions[static_cast<std::size_t>(i)]);
  pthread_sigmask(SIG_SETMASK, nullptr, &state.mask);
  return state;
}

Verdict KeepsSignals(const Target& target) {
  const SignalState before = Signals();
  KIT_LIFE(target);
  const SignalState after = Signals();
  for (int i = 1; i < NSIG; ++i) {
    const auto at = static_cast<std::size_t>(i);
    KIT_EXPECT(before.actions[at].sa_handler == after.actions[at].sa_handler &&
                   before.actions[at].sa_flags == after.actions[at].sa_flags,
               "changes what signal " + std::to_string(i) + " (" + strsignal(i) + ") does");
    KIT_EXPECT(sigismember(&before.mask, i) == sigismember(&after.mask, i),
               "changes the mask of signal " + std::to_string(i) + " in the thread that calls it");
  }
  return Pass();
}

mode_t Umask() {
  const mode_t mask = umask(0);
  umask(mask);
  return mask;
}

Verdict KeepsUmask(const Target& target) {
  umask(0022);
  KIT_LIFE(target);
  const mode_t after = Umask();
  char text[16];
  snprintf(text, sizeof(text), "%04o", static_cast<unsigned>(after));
  KIT_EXPECT(after == 0022, std::string("changes the umask from 0022 to ") + text);
  return Pass();
}

std::string WorkingDirectory() {
  char buffer[4096];
  return getcwd(buffer, sizeof(buffer)) == nullptr ? std::string() : std::string(buffer);
}

Verdict KeepsDirectory(const Target& target) {
  const std::string before = WorkingDirectory();
  KIT_LIFE(target);
  KIT_EXPECT(WorkingDirectory() == before,
             "changes the working directory to " + WorkingDirectory());
  return Pass();
}

Verdict KeepsLocale(const Target& target) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  KIT_LIFE(target);
  const std::string after = std::setlocale(LC_ALL, nullptr);
  KIT_EXPECT(after == before, "changes the locale from " + before + " to " + after);
  return Pass();
}

std::vector<std::string> Environment() {
  std::vector<std::string> out;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) out.emplace_back(*at);
  std::sort(out.begin(), out.end());
  return out;
}

Verdict KeepsEnvironment(const Target& target) {
  const std::vector<std::string> before = Environment();
  KIT_LIFE(target);
  std::vector<std::string> changed;
  const std::vector<std::string> after = Environment();
  std::set_symmetric_difference(before.begin(), before.end(), after.begin(), after.end(),
                                std::back_inserter(changed));
  KIT_EXPECT(changed.empty(), "changes the environment: " + changed.front());
  return Pass();
}

// A plugin's static objects are destroyed after shutdown(), when the process ends.
Verdict ExitsCleanly(const Target& target) {
  const pid_t child = fork();
  KIT_EXPECT(child >= 0, "cannot make a process");
  if (child == 0) {
    const Status life = Life(target);
    exit(life.ok() ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  KIT_EXPECT(!WIFSIGNALED(status), "the process ends by signal " +
                                       std::to_string(WTERMSIG(status)) + " (" +
                                       strsignal(WTERMSIG(status)) + ") when it exits");
  KIT_EXPECT(WEXITSTATUS(status) == 0,
             "the process exits with status " + std::to_string(WEXITSTATUS(status)));
  return Pass();
}

}  // namespace

std::vector<Check> ProcessChecks() {
  const std::vector<std::string> needs = {kInstance};
  return {
      {"leaves-no-descriptor", "every descriptor is closed after shutdown()", 15, "", needs,
       ClosesDescriptors},
      {"leaves-no-thread",
       "threads have ended after shutdown(); a warning when a fixed number stays", 15, "", needs,
       EndsThreads},
      {kLeavesNoProcess, "no process is left, by this or any other check", 15, "", needs,
       ReapsProcesses},
      {"leaves-no-memory", "opening and shutting down 50 times does not cost memory", 15, "", needs,
       FreesMemory},
      {"keeps-signals", "signal handlers, SIGCHLD and the signal mask stay", 16, "", needs,
       KeepsSignals},
      {"keeps-umask", "the umask stays", 16, "", needs, KeepsUmask},
      {"keeps-directory", "the working directory stays", 16, "", needs, KeepsDirectory},
      {"keeps-locale", "the locale stays", 16, "", needs, KeepsLocale},
      {"keeps-environment", "the environment stays", 16, "", needs, KeepsEnvironment},
      {"exits-cleanly", "the process can exit after shutdown()", 17, "", needs, ExitsCleanly},
  };
}

}  // namespace shoji::validate

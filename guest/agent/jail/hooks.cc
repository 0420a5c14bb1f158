#include "jail/hooks.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "jail/clone.h"
#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::jail {
namespace {

constexpr std::size_t kMostWords = 512;  // of what a hook complains

template <typename List>
Result<HookList> MakeList(const char* kind, const List& hooks) {
  HookList out;
  for (const grpc::Hook& hook : hooks) {
    const std::string what = "hooks." + std::string(kind) + ": ";
    if (hook.path().empty() || hook.path()[0] != '/')
      return InvalidArgument(what + "path \"" + hook.path() + "\" is not absolute");
    if (hook.timeout() < 0) {
      return InvalidArgument(what + "timeout " + std::to_string(hook.timeout()) + " of \"" +
                             hook.path() + "\" is not above 0");
    }
    std::chrono::seconds timeout = kLongestHook;
    if (hook.timeout() > 0 && hook.timeout() < kLongestHook.count())
      timeout = std::chrono::seconds(hook.timeout());
    out.push_back({hook.path(),
                   {hook.args().begin(), hook.args().end()},
                   {hook.env().begin(), hook.env().end()},
                   timeout});
  }
  return out;
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    char escaped[8];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string AnnotationsText(const grpc::Spec& spec) {
  std::string out;
  for (const auto& [name, value] : spec.annotations())
    out += (out.empty() ? "" : ",") + Quoted(name) + ":" + Quoted(value);
  return "{" + out + "}";
}

Result<UniqueFd> MemoryFile(const std::string& text) {
  UniqueFd fd(memfd_create("hook", MFD_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot make a file in memory");
  SHOJI_RETURN_IF_ERROR(WriteAll(fd.get(), text));
  if (lseek(fd.get(), 0, SEEK_SET) < 0) return ErrnoStatus(errno, "cannot rewind it");
  return fd;
}

std::vector<char*> Pointers(std::vector<std::string>* strings) {
  std::vector<char*> out;
  for (std::string& text : *strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Released whatever happens.
struct SpawnPlan {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;

  SpawnPlan(int in, int err) {
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, err, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
};

Result<Child> Spawn(const HookPlan& hook, int in, int err) {
  std::vector<std::string> args = hook.args;
  if (args.empty()) args.push_back(hook.path);
  std::vector<std::string> env = hook.env;
  const SpawnPlan plan(in, err);
  Child child;
  const int error = posix_spawn(&child.pid, hook.path.c_str(), &plan.actions, &plan.attributes,
                                Pointers(&args).data(), Pointers(&env).data());
  if (error != 0) return ErrnoStatus(error, "cannot run it");
  child.pidfd = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  if (child.pidfd) return child;
  const int why = errno;
  child.Kill();
  return ErrnoStatus(why, "cannot watch it");
}

// False when the time is over first.
bool WaitForEnd(const Child& child, std::chrono::seconds timeout) {
  const Deadline deadline = Deadline::After(timeout);
  pollfd ended{child.pidfd.get(), POLLIN, 0};
  while (true) {
    const int ready = poll(&ended, 1, deadline.PollTimeout());
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

std::string WordsOf(int fd) {
  std::string words(kMostWords, '\0');
  const ssize_t size = pread(fd, words.data(), words.size(), 0);
  words.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return words.empty() ? "" : ": " + std::string(Trim(words));
}

Status RunHook(const HookPlan& hook, const std::string& state) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd in, MemoryFile(state));
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd words, MemoryFile(""));
  SHOJI_ASSIGN_OR_RETURN(Child child, Spawn(hook, in.get(), words.get()));
  if (!WaitForEnd(child, hook.timeout)) {
    kill(-child.pid, SIGKILL);
    child.Kill();
    return DeadlineExceeded("it did not end within " + std::to_string(hook.timeout.count()) +
                            " s and was killed");
  }
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return OkStatus();
  return FailedPrecondition((WIFEXITED(status)
                                 ? "it ended with " + std::to_string(WEXITSTATUS(status))
                                 : "signal " + std::to_string(WTERMSIG(status)) + " ended it") +
                            WordsOf(words.get()));
}

}  // namespace

Result<Hooks> MakeHooks(const std::string& id, const grpc::Spec& spec) {
  Hooks hooks;
  const grpc::Hooks& in = spec.hooks();
  SHOJI_ASSIGN_OR_RETURN(hooks.prestart, MakeList("prestart", in.prestart()));
  SHOJI_ASSIGN_OR_RETURN(hooks.create_runtime, MakeList("createRuntime", in.createruntime()));
  SHOJI_ASSIGN_OR_RETURN(hooks.create_container, MakeList("createContainer", in.createcontainer()));
  SHOJI_ASSIGN_OR_RETURN(hooks.start_container, MakeList("startContainer", in.startcontainer()));
  SHOJI_ASSIGN_OR_RETURN(hooks.poststart, MakeList("poststart", in.poststart()));
  SHOJI_ASSIGN_OR_RETURN(hooks.poststop, MakeList("poststop", in.poststop()));
  hooks.id = id;
  hooks.annotations = AnnotationsText(spec);
  const std::string& root = spec.root().path();
  hooks.bundle = root.substr(0, std::max<std::size_t>(root.rfind('/'), 1));
  return hooks;
}

std::string StateText(const Hooks& hooks, const std::string& status, pid_t pid) {
  return "{\"ociVersion\":\"1.0.2\",\"id\":" + Quoted(hooks.id) + ",\"status\":\"" + status + "\"" +
         (pid > 0 ? ",\"pid\":" + std::to_string(pid) : "") +
         ",\"bundle\":" + Quoted(hooks.bundle) + ",\"annotations\":" + hooks.annotations + "}\n";
}

Status RunHooks(const char* kind, const HookList& hooks, const std::string& state) {
  for (const HookPlan& hook : hooks) {
    Status status = RunHook(hook, state);
    if (!status.ok()) {
      return std::move(status).WithContext("hooks." + std::string(kind) + ": \"" + hook.path +
                                           "\"");
    }
  }
  return OkStatus();
}

}  // namespace shoji::jail

#include "service/hooks.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include "log.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent {
namespace {

constexpr std::size_t kMaxWords = 1024;  // of a hook's complaint

Result<std::vector<std::string>> Executables(const std::string& dir) {
  std::vector<std::string> found;
  auto names = ListDir(dir);
  if (names.status().code() == StatusCode::kNotFound) return found;
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    struct stat info {};
    const std::string path = dir + "/" + name;
    const bool good = stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
    if (good && (info.st_mode & 0111U) != 0) found.push_back(path);
  }
  return found;
}

// A file in memory at its beginning, as a hook's stdin or stderr.
Result<UniqueFd> MemoryFile(const std::string& content) {
  UniqueFd fd(memfd_create("hook", MFD_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot make a file in memory");
  SHOJI_RETURN_IF_ERROR(WriteAll(fd.get(), content));
  lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::string JsonText(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      quoted += escape.data();
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

// What posix_spawn wants, released again.
class SpawnOptions {
 public:
  SpawnOptions(int in, int err) {
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_init(&actions_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);  // the agent blocks what it reads
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_adddup2(&actions_, in, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, err, STDERR_FILENO);
  }
  ~SpawnOptions() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;

  const posix_spawnattr_t* attributes() const { return &attributes_; }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t actions_;
};

// Hooks on their way; lives as long as the reaper or the loop has something for it.
struct HookRun : std::enable_shared_from_this<HookRun> {
  Loop* loop;
  Reaper* reaper;
  std::chrono::nanoseconds limit;
  std::vector<std::string> hooks;
  std::string state;
  bool go_on;
  HookRunner::Done done;
  std::size_t next = 0;
  bool expired = false;
  UniqueFd words;
  Loop::TimerId timer = 0;

  void Next() {
    if (next == hooks.size()) return std::exchange(done, nullptr)(OkStatus());
    const Status started = Start(hooks[next]);
    if (!started.ok()) Ended(started);
  }

  Status Start(const std::string& path) {
    SHOJI_ASSIGN_OR_RETURN(const UniqueFd in, MemoryFile(state));
    SHOJI_ASSIGN_OR_RETURN(words, MemoryFile(""));
    const SpawnOptions options(in.get(), words.get());
    std::string name = path.substr(path.rfind('/') + 1);
    const std::string dir = path.substr(0, path.rfind('/'));
    std::string kind = dir.substr(dir.rfind('/') + 1);
    std::string search = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    const std::array<char*, 3> args = {name.data(), kind.data(), nullptr};
    const std::array<char*, 2> env = {search.data(), nullptr};
    pid_t pid = -1;
    const int error = posix_spawn(&pid, path.c_str(), options.actions(), options.attributes(),
                                  args.data(), env.data());
    if (error != 0) return ErrnoStatus(error, "cannot run it");
    reaper->Expect(pid, [self = shared_from_this()](int code) { self->Exited(code); });
    timer = loop->After(limit, [self = shared_from_this(), pid] {
      self->expired = true;
      kill(-pid, SIGKILL);
    });
    return OkStatus();
  }

  void Exited(int code) {
    loop->CancelTimer(timer);
    if (code == 0) return Ended(OkStatus());
    if (expired) return Ended(DeadlineExceeded("it took too long and was killed"));
    std::string said(kMaxWords, '\0');
    const ssize_t n = pread(words.get(), said.data(), said.size(), 0);
    said.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    Ended(FailedPrecondition("it ended with " + std::to_string(code) + ": " +
                             std::string(Trim(said))));
  }

  void Ended(const Status& status) {
    if (!status.ok()) {
      const Status told(status.code(), "guest hook " + hooks[next] + ": " + status.message());
      if (!go_on) return std::exchange(done, nullptr)(told);
      Log(LogLevel::kWarning, told.message());
    }
    ++next;
    Next();
  }
};

void Begin(Loop* loop, Reaper* reaper, std::chrono::nanoseconds limit, bool go_on,
           const std::vector<std::string>& hooks, const std::string& state, HookRunner::Done done) {
  if (hooks.empty()) return done(OkStatus());
  auto run = std::make_shared<HookRun>();
  run->loop = loop;
  run->reaper = reaper;
  run->limit = limit;
  run->hooks = hooks;
  run->state = state;
  run->go_on = go_on;
  run->done = std::move(done);
  run->Next();
}

}  // namespace

Result<GuestHooks> FindGuestHooks(const std::string& dir) {
  GuestHooks hooks;
  if (dir.empty()) return hooks;
  if (!dir.starts_with("/")) {
    return InvalidArgument("guest_hook_path \"" + dir + "\" is no absolute path");
  }
  SHOJI_ASSIGN_OR_RETURN(hooks.prestart, Executables(dir + "/prestart"));
  SHOJI_ASSIGN_OR_RETURN(hooks.poststart, Executables(dir + "/poststart"));
  SHOJI_ASSIGN_OR_RETURN(hooks.poststop, Executables(dir + "/poststop"));
  return hooks;
}

std::string StateJson(const std::string& id, const std::string& status, int pid,
                      const grpc::Spec& spec) {
  const std::string& root = spec.root().path();
  const std::size_t slash = root.rfind('/');
  std::string text = "{\"ociVersion\":" + JsonText(spec.version()) + ",\"id\":" + JsonText(id) +
                     ",\"status\":" + JsonText(status);
  if (pid > 0) text += ",\"pid\":" + std::to_string(pid);
  text += ",\"bundle\":" + JsonText(slash == root.npos ? root : root.substr(0, slash)) +
          ",\"annotations\":{";
  bool first = true;
  for (const auto& [name, value] : spec.annotations()) {
    text += (std::exchange(first, false) ? "" : ",") + JsonText(name) + ":" + JsonText(value);
  }
  return text + "}}";
}

void HookRunner::Run(const std::vector<std::string>& hooks, const std::string& state, Done done) {
  Begin(loop_, reaper_, limit_, false, hooks, state, std::move(done));
}

void HookRunner::RunAll(const std::vector<std::string>& hooks, const std::string& state,
                        Done done) {
  Begin(loop_, reaper_, limit_, true, hooks, state, std::move(done));
}

}  // namespace shoji::agent

#include "proxy_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "process.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "shoji/sdk/spawn.h"
#include "shoji/sdk/wait.h"

namespace shoji::proxies {

namespace {

constexpr int kLockInChild = 3;
constexpr int kLookMs = 1;  // how often a socket is looked for that nobody announces
constexpr std::chrono::seconds kStopPatience(2);
constexpr off_t kTail = 4096;  // of the log

Result<UniqueFd> OpenFile(const std::string& path, int flags) {
  UniqueFd fd(open(path.c_str(), flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return ErrnoStatus(errno, "cannot open " + path);
  return fd;
}

// Goes to the child, which shares it: free again when the last of both is gone.
Result<UniqueFd> TakeLock(const ProxyState& state) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(state.lock(), O_RDWR));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "cannot lock " + state.lock());
  return FailedPrecondition("a proxy of sandbox " + state.sandbox_id + " runs already (" +
                            state.lock() + " is locked)");
}

std::string LastLine(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return {};
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  std::string text(kTail, '\0');
  const ssize_t n = pread(fd.get(), text.data(), text.size(), std::max<off_t>(0, size - kTail));
  if (n <= 0) return {};
  text.resize(static_cast<std::size_t>(n));
  const std::string_view whole = Trim(text);
  return std::string(whole.substr(whole.rfind('\n') + 1));
}

bool NobodyListens(const Status& status) {
  return status.code() == StatusCode::kNotFound || status.code() == StatusCode::kUnavailable;
}

}  // namespace

Result<std::string> ProgramOf(const sdk::Host& host, const sdk::OptionMap& options,
                              const std::string& name) {
  const std::string path = options.Get("path");
  if (!path.empty()) return path;
  SHOJI_ASSIGN_OR_RETURN(const std::string libexec, host.Dir(SHOJI_DIR_LIBEXEC));
  return libexec + "/" + name;
}

ProxyProcess::~ProxyProcess() {
  // It runs on. If it has ended, and is our child, nobody else would ask.
  if (pidfd_ && ended()) static_cast<void>(EndProcess(pidfd_.get(), Deadline()));
}

Status ProxyProcess::Launch(std::vector<std::string> argv) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd lock, TakeLock(state_));
  SHOJI_RETURN_IF_ERROR(RemoveFile(state_.socket()));  // of one that was killed
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd log, OpenFile(state_.log(), O_WRONLY | O_APPEND | O_TRUNC));
  sdk::SpawnRequest request;
  request.sandbox_id = state_.sandbox_id;
  request.argv = std::move(argv);
  request.fds = {{log.get(), 1}, {log.get(), 2}, {lock.get(), kLockInChild}};
  const Result<sdk::Process> started = sdk::Spawn(host_, request);
  if (!started.ok()) {
    static_cast<void>(RemoveFiles());
    return Status(started.status()).WithContext("proxy of sandbox " + state_.sandbox_id);
  }
  state_.pid = started->pid();
  pidfd_.reset(fcntl(started->pidfd(), F_DUPFD_CLOEXEC, 0));
  const auto ticks = StartTicks(state_.pid);
  if (!ticks.ok()) {
    static_cast<void>(End(nullptr));
    return ticks.status();
  }
  state_.start_ticks = *ticks;
  return OkStatus();
}

Result<UniqueFd> ProxyProcess::AwaitSocket(const shoji_call* call) {
  while (true) {
    Result<UniqueFd> fd = ConnectUnix(state_.socket());
    if (fd.ok() || !NobodyListens(fd.status())) return fd;
    if (ended()) return Gone();
    SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "the start of the proxy"));
    pollfd process{pidfd_.get(), POLLIN, 0};
    static_cast<void>(poll(&process, 1, kLookMs));
  }
}

void ProxyProcess::Find() { pidfd_ = FindProcess(state_.pid, state_.start_ticks); }

bool ProxyProcess::ended() const { return HasEnded(pidfd_.get()); }

bool ProxyProcess::AwaitEnd(Deadline patience) const {
  while (!ended() && !patience.passed()) {
    pollfd process{pidfd_.get(), POLLIN, 0};
    static_cast<void>(poll(&process, 1, patience.PollTimeout()));
  }
  return ended();
}

// What is known of why it is not there.
Status ProxyProcess::Gone() const {
  const std::string how = HowItEnded(pidfd_.get());
  const std::string words = LastLine(state_.log());
  return Unavailable("the proxy of sandbox " + state_.sandbox_id + ", process " +
                     std::to_string(state_.pid) + " (" + state_.program + "), has ended" +
                     (how.empty() ? "" : ": " + how) +
                     (words.empty() ? "" : "; it said: " + words));
}

// Said aloud once: who asks, an agent plugin, has words of its own for why it reaches nobody.
Status ProxyProcess::Explain(const Status& status) {
  if (!ended() && !NobodyListens(status)) return status;
  const Status gone = Gone();
  const MutexLock lock(mutex_);
  if (!std::exchange(told_, true)) host_.Log(SHOJI_LOG_ERROR, gone.message());
  return gone;
}

Result<UniqueFd> ProxyProcess::Dial(const shoji_call* call) {
  SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "the connection to the proxy"));
  Result<UniqueFd> fd = ConnectUnix(state_.socket());
  if (fd.ok()) return fd;
  return Explain(fd.status());
}

Status ProxyProcess::RemoveFiles() const {
  SHOJI_RETURN_IF_ERROR(RemoveFile(state_.socket()));
  SHOJI_RETURN_IF_ERROR(RemoveFile(state_.log()));
  return RemoveFile(state_.lock());
}

Status ProxyProcess::End(const shoji_call* call) {
  const Deadline given = Deadline::FromNanos(call == nullptr ? 0 : call->deadline_ns);
  SHOJI_RETURN_IF_ERROR(EndProcess(pidfd_.get(), Deadline::After(kStopPatience).Min(given)));
  pidfd_.reset();
  return RemoveFiles();
}

}  // namespace shoji::proxies

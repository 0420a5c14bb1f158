#include "proxy.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "process.h"
#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "shoji/sdk/spawn.h"
#include "shoji/sdk/wait.h"

namespace shoji::kataproxy {

namespace {

constexpr int kLockInChild = 3;
constexpr int kLookMs = 1;  // how often a socket is looked for that nobody announces
constexpr std::chrono::seconds kStopPatience(2);
constexpr off_t kTail = 4096;  // of the log

Result<std::string> ProgramOf(const sdk::Host& host, const sdk::OptionMap& options) {
  const std::string path = options.Get("path");
  if (!path.empty()) return path;
  SHOJI_ASSIGN_OR_RETURN(const std::string libexec, host.Dir(SHOJI_DIR_LIBEXEC));
  return libexec + "/shoji-proxy";
}

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

std::vector<std::string> CommandLine(const ProxyState& state, bool debug) {
  std::vector<std::string> argv = {state.program,   "-listen-socket", "unix://" + state.socket(),
                                   "-mux-socket",   state.agent_url,  "-sandbox",
                                   state.sandbox_id};
  if (debug) argv.insert(argv.end(), {"-log", "debug"});
  if (!state.console_url.empty()) {
    argv.insert(argv.end(), {"-agent-logs-socket", state.console_url});
  }
  return argv;
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

bool StillOpen(int fd) {
  pollfd p{fd, POLLIN, 0};
  return poll(&p, 1, 0) == 0;  // nothing can have come in without a word of ours
}

bool NobodyListens(const Status& status) {
  return status.code() == StatusCode::kNotFound || status.code() == StatusCode::kUnavailable;
}

}  // namespace

Result<std::unique_ptr<sdk::ProxyBase>> KataProxy::Start(const sdk::Host& host,
                                                         const shoji_options* options,
                                                         const shoji_call* call,
                                                         const shoji_proxy_params& params) {
  const sdk::OptionMap map(options);
  const bool debug = map.GetBool("debug");
  ProxyState state;
  state.sandbox_id = sdk::String(params.sandbox_id);
  state.run_dir = sdk::String(params.run_dir);
  state.agent_url = sdk::String(params.agent_url);
  if (debug) state.console_url = sdk::String(params.console_url);
  SHOJI_ASSIGN_OR_RETURN(state.program, ProgramOf(host, map));
  SHOJI_RETURN_IF_ERROR(CheckState(state));
  std::unique_ptr<KataProxy> proxy(new KataProxy(host, std::move(state)));
  SHOJI_RETURN_IF_ERROR(proxy->Launch(debug));
  if (const Status listens = proxy->AwaitSocket(call); !listens.ok()) {
    static_cast<void>(proxy->Stop(nullptr));
    return listens;
  }
  return std::unique_ptr<sdk::ProxyBase>(std::move(proxy));
}

Result<std::unique_ptr<sdk::ProxyBase>> KataProxy::Attach(const sdk::Host& host,
                                                          const shoji_options* /*options*/,
                                                          const shoji_call* /*call*/,
                                                          std::string_view blob) {
  SHOJI_ASSIGN_OR_RETURN(ProxyState state, ParseState(blob));
  std::unique_ptr<KataProxy> proxy(new KataProxy(host, std::move(state)));
  // One that is gone: Connect() says so, and Stop() has something to clean up.
  proxy->pidfd_ = FindProcess(proxy->state_.pid, proxy->state_.start_ticks);
  return std::unique_ptr<sdk::ProxyBase>(std::move(proxy));
}

KataProxy::~KataProxy() {
  // It runs on. If it has ended, and is our child, nobody else would ask.
  if (pidfd_ && HasEnded(pidfd_.get())) static_cast<void>(EndProcess(pidfd_.get(), Deadline()));
}

Status KataProxy::Launch(bool debug) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd lock, TakeLock(state_));
  SHOJI_RETURN_IF_ERROR(RemoveFile(state_.socket()));  // of one that was killed
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd log, OpenFile(state_.log(), O_WRONLY | O_APPEND | O_TRUNC));
  sdk::SpawnRequest request;
  request.sandbox_id = state_.sandbox_id;
  request.argv = CommandLine(state_, debug);
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
    static_cast<void>(Stop(nullptr));
    return ticks.status();
  }
  state_.start_ticks = *ticks;
  return OkStatus();
}

Status KataProxy::AwaitSocket(const shoji_call* call) {
  while (true) {
    Result<UniqueFd> fd = ConnectUnix(state_.socket());
    if (fd.ok()) {
      const MutexLock lock(mutex_);
      spare_ = std::move(*fd);
      return OkStatus();
    }
    if (!NobodyListens(fd.status())) return fd.status();
    if (HasEnded(pidfd_.get())) return Gone();
    SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "the start of the proxy"));
    pollfd ended{pidfd_.get(), POLLIN, 0};
    static_cast<void>(poll(&ended, 1, kLookMs));
  }
}

// What is known of why it is not there.
Status KataProxy::Gone() const {
  const std::string how = HowItEnded(pidfd_.get());
  const std::string words = LastLine(state_.log());
  return Unavailable("the proxy of sandbox " + state_.sandbox_id + ", process " +
                     std::to_string(state_.pid) + " (" + state_.program + "), has ended" +
                     (how.empty() ? "" : ": " + how) +
                     (words.empty() ? "" : "; it said: " + words));
}

// Said aloud once: who asks, an agent plugin, has words of its own for why it reaches nobody.
Status KataProxy::TellGone() {
  const Status gone = Gone();
  const MutexLock lock(mutex_);
  if (!std::exchange(told_, true)) host_.Log(SHOJI_LOG_ERROR, gone.message());
  return gone;
}

Result<int> KataProxy::Connect(const shoji_call* call) {
  {
    const MutexLock lock(mutex_);
    if (UniqueFd spare = std::move(spare_); spare && StillOpen(spare.get())) {
      return spare.release();
    }
  }
  SHOJI_RETURN_IF_ERROR(sdk::CheckCall(call, "the connection to the proxy"));
  Result<UniqueFd> fd = ConnectUnix(state_.socket());
  if (fd.ok()) return fd->release();
  if (HasEnded(pidfd_.get()) || NobodyListens(fd.status())) return TellGone();
  return fd.status();
}

Result<sdk::ProxyInfo> KataProxy::Info() {
  return sdk::ProxyInfo{state_.pid, "unix://" + state_.socket()};
}

bool KataProxy::ConsoleWatched() { return !state_.console_url.empty() && !HasEnded(pidfd_.get()); }

Status KataProxy::RemoveFiles() const {
  SHOJI_RETURN_IF_ERROR(RemoveFile(state_.socket()));
  SHOJI_RETURN_IF_ERROR(RemoveFile(state_.log()));
  return RemoveFile(state_.lock());
}

Status KataProxy::Stop(const shoji_call* call) {
  const Deadline given = Deadline::FromNanos(call == nullptr ? 0 : call->deadline_ns);
  SHOJI_RETURN_IF_ERROR(EndProcess(pidfd_.get(), Deadline::After(kStopPatience).Min(given)));
  pidfd_.reset();
  return RemoveFiles();
}

}  // namespace shoji::kataproxy

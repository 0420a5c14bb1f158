#include "proxy.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/mux/serial_path.h"

namespace shoji::kataproxybuiltin {

namespace {

// The lock is taken but nobody listens: the other process is about to, or about to end.
constexpr int kRetryMs = 5;

int CancelFd(const shoji_call* call) { return call == nullptr ? -1 : call->cancel_fd; }

Status WaitALittle(const shoji_call* call) {
  const Deadline deadline = Deadline::FromNanos(call == nullptr ? 0 : call->deadline_ns);
  pollfd cancel{CancelFd(call), POLLIN, 0};
  if (poll(&cancel, 1, kRetryMs) > 0) return Cancelled("reaching the proxy was cancelled");
  if (deadline.passed()) return DeadlineExceeded("the owner of the agent channel does not listen");
  return OkStatus();
}

bool NobodyListens(const Status& status) {
  return status.code() == StatusCode::kNotFound || status.code() == StatusCode::kUnavailable;
}

int PeerPid(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

bool StillOpen(int fd) {
  pollfd p{fd, POLLIN, 0};
  return poll(&p, 1, 0) == 0;  // nothing can have come in without a word of ours
}

KataProxyBuiltin::Warn WarnTo(const sdk::Host& host) {
  return [host](std::string_view text) { host.Log(SHOJI_LOG_WARN, text); };
}

}  // namespace

Result<std::unique_ptr<sdk::ProxyBase>> KataProxyBuiltin::Start(const sdk::Host& host,
                                                                const shoji_options* /*options*/,
                                                                const shoji_call* /*call*/,
                                                                const shoji_proxy_params& params) {
  ProxyState state{sdk::String(params.sandbox_id), sdk::String(params.run_dir),
                   sdk::String(params.agent_url)};
  SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<sdk::ProxyBase> proxy,
                         StartState(std::move(state), WarnTo(host)));
  return proxy;
}

Result<std::unique_ptr<sdk::ProxyBase>> KataProxyBuiltin::Attach(const sdk::Host& host,
                                                                 const shoji_options* /*options*/,
                                                                 const shoji_call* call,
                                                                 std::string_view blob) {
  SHOJI_ASSIGN_OR_RETURN(ProxyState state, ParseState(blob));
  SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<sdk::ProxyBase> proxy,
                         AttachState(std::move(state), call, WarnTo(host)));
  return proxy;
}

Result<std::unique_ptr<KataProxyBuiltin>> KataProxyBuiltin::StartState(ProxyState state,
                                                                       Warn warn) {
  SHOJI_RETURN_IF_ERROR(CheckState(state));
  std::unique_ptr<KataProxyBuiltin> proxy(new KataProxyBuiltin(std::move(state), std::move(warn)));
  const MutexLock lock(proxy->mutex_);
  SHOJI_RETURN_IF_ERROR(proxy->TakeChannel());
  return proxy;
}

Result<std::unique_ptr<KataProxyBuiltin>> KataProxyBuiltin::AttachState(ProxyState state,
                                                                        const shoji_call* call,
                                                                        Warn warn) {
  SHOJI_RETURN_IF_ERROR(CheckState(state));
  std::unique_ptr<KataProxyBuiltin> proxy(new KataProxyBuiltin(std::move(state), std::move(warn)));
  const MutexLock lock(proxy->mutex_);
  Result<UniqueFd> fd = proxy->Reach(call);
  if (fd.ok()) {
    proxy->spare_ = std::move(*fd);
  } else if (fd.status().code() != StatusCode::kUnavailable) {
    return std::move(fd).status();
  }  // A VM that is gone: Connect() says so, and Stop() has something to clean up.
  return proxy;
}

// FAILED_PRECONDITION when another process holds the channel.
Status KataProxyBuiltin::TakeChannel() {
  mux::MuxConfig config;
  SHOJI_ASSIGN_OR_RETURN(config.serial, mux::SerialPath(state_.agent_url));
  config.listen = state_.socket();
  config.warn = warn_;
  const std::string path = state_.lock();
  config.lock.reset(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!config.lock) return ErrnoStatus(errno, "cannot open " + path);
  if (flock(config.lock.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "cannot lock " + path);
    return FailedPrecondition("another process holds the agent channel of sandbox " +
                              state_.sandbox_id + " (" + path + " is locked)");
  }
  SHOJI_ASSIGN_OR_RETURN(mux_, mux::Mux::Start(std::move(config)));
  return OkStatus();
}

// A connection through the owner, or through this process if there is none.
Result<UniqueFd> KataProxyBuiltin::Reach(const shoji_call* call) {
  while (mux_ == nullptr) {
    Result<UniqueFd> fd = ConnectUnix(state_.socket());
    if (fd.ok()) owner_pid_ = PeerPid(fd->get());
    if (fd.ok() || !NobodyListens(fd.status())) return fd;
    const Status taken = TakeChannel();
    if (taken.ok()) break;
    if (taken.code() == StatusCode::kNotFound) {
      return Unavailable("the sandbox's directory is gone: " + taken.message());
    }
    if (taken.code() != StatusCode::kFailedPrecondition) return taken;
    SHOJI_RETURN_IF_ERROR(WaitALittle(call));
  }
  return mux_->Connect();
}

Result<int> KataProxyBuiltin::Connect(const shoji_call* call) {
  const MutexLock lock(mutex_);
  if (UniqueFd spare = std::move(spare_); spare && StillOpen(spare.get())) return spare.release();
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, Reach(call));
  return fd.release();
}

Result<sdk::ProxyInfo> KataProxyBuiltin::Info() {
  const MutexLock lock(mutex_);
  return sdk::ProxyInfo{mux_ != nullptr ? getpid() : owner_pid_, "unix://" + state_.socket()};
}

bool KataProxyBuiltin::owner() {
  const MutexLock lock(mutex_);
  return mux_ != nullptr && mux_->alive();
}

Status KataProxyBuiltin::Stop(const shoji_call* /*call*/) {
  const MutexLock lock(mutex_);
  spare_.reset();
  mux_.reset();
  SHOJI_RETURN_IF_ERROR(RemoveFile(state_.socket()));
  return RemoveFile(state_.lock());
}

}  // namespace shoji::kataproxybuiltin

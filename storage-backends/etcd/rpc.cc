#include "rpc.h"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "errors.h"
#include "shoji-etcd/rpc.pb.h"
#include "shoji/base/errno.h"
#include "shoji/base/socket.h"
#include "shoji/base/unique_fd.h"

namespace shoji::etcd {

struct Rpc::Outcome {
  Status status;
  Verdict verdict;
};

namespace {

using google::protobuf::MessageLite;

constexpr char kTokenField[] = "token";
constexpr char kNoAuthentication[] = "authentication is not enabled";

// Errors come back as Status; gRPC's own lines on stderr would only repeat them.
void QuietLog() {
  gpr_set_log_verbosity(static_cast<gpr_log_severity>(GPR_LOG_SEVERITY_ERROR + 1));
}

struct Limit {
  Deadline deadline;
  bool own = false;  // the option's, not the caller's
};

Limit LimitOf(const shoji_call* call, std::chrono::nanoseconds timeout) {
  if (call != nullptr && call->deadline_ns != 0) {
    return {Deadline::FromNanos(call->deadline_ns), false};
  }
  return {Deadline::After(timeout), true};
}

void SetDeadline(Deadline deadline, grpc::ClientContext* context) {
  gpr_timespec when{};
  when.tv_sec = deadline.nanos() / 1'000'000'000;
  when.tv_nsec = static_cast<std::int32_t>(deadline.nanos() % 1'000'000'000);
  when.clock_type = GPR_CLOCK_MONOTONIC;
  context->set_deadline(when);
}

int CancelFd(const shoji_call* call) { return call == nullptr ? -1 : call->cancel_fd; }

bool Readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  return fd >= 0 && poll(&p, 1, 0) > 0;
}

// Waits for `done`; true when the caller's descriptor was readable first.
bool WaitOrCancel(int done, int cancel_fd) {
  pollfd fds[2] = {{done, POLLIN, 0}, {cancel_fd, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0 && errno == EINTR) continue;
  return fds[0].revents == 0;
}

grpc::internal::RpcMethod MethodOf(const Method& method) {
  return {method.path, grpc::internal::RpcMethod::NORMAL_RPC};
}

// True when `cancel_fd` was readable before the answer came.
Result<bool> SendOrCancel(grpc::Channel* channel, const Method& method, int cancel_fd,
                          const MessageLite& request, MessageLite* reply,
                          grpc::ClientContext* context, grpc::Status* ret_status) {
  const UniqueFd done(eventfd(0, EFD_CLOEXEC));
  if (!done) return ErrnoStatus(errno, "cannot make an event descriptor");
  grpc::internal::CallbackUnaryCall<MessageLite, MessageLite, MessageLite, MessageLite>(
      channel, MethodOf(method), context, &request, reply,
      [ret_status, fd = done.get()](grpc::Status result) {
        *ret_status = std::move(result);
        eventfd_write(fd, 1);
      });
  const bool cancelled = WaitOrCancel(done.get(), cancel_fd);
  if (cancelled) {
    context->TryCancel();
    WaitOrCancel(done.get(), -1);
  }
  return cancelled;
}

// A write that blocked makes gRPC start a poller of its own, which nobody wakes when it is no
// longer needed: it would sit out its ten seconds, and the shutdown waits for it. Any event on
// a descriptor of gRPC's ends its sleep, so here is one.
void WakePoller() {
  Result<std::pair<UniqueFd, UniqueFd>> ends = SocketPair();
  if (!ends.ok() || !SetNonBlocking(ends->first.get(), true).ok()) return;
  const std::shared_ptr<grpc::Channel> channel =
      grpc::CreateInsecureChannelFromFd("wake", ends->first.release());
  ends->second.reset();
}

// gRPC takes a connection apart on threads of its own, and the last part ends gRPC, with nobody
// to ask but this. A connection that was just being made keeps it for longer; that is let go.
constexpr std::chrono::milliseconds kShutdownLimit{300};
void WaitForShutdown() {
  const Deadline limit = Deadline::After(kShutdownLimit);
  while (grpc_is_initialized() != 0 && !limit.passed()) poll(nullptr, 0, 1);
}

// Only the last one to leave can wait for gRPC's end.
std::atomic<int> g_users{0};

}  // namespace

Rpc::Rpc(Settings settings, PasswordReader password)
    : settings_(std::move(settings)), password_(std::move(password)) {
  QuietLog();
  ++g_users;
  grpc_init();  // of our own: gRPC lives at least as long as this object
}

Rpc::~Rpc() {
  {
    const MutexLock lock(mutex_);
    channel_.reset();
  }
  WakePoller();
  grpc_shutdown_blocking();
  if (--g_users == 0) WaitForShutdown();
}

std::shared_ptr<grpc::Channel> Rpc::MakeChannel(const Endpoint& endpoint) const {
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.timeout) /
                     static_cast<int>(settings_.endpoints.size());
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(-1);
  args.SetMaxSendMessageSize(-1);
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a new channel tries at once
  // Leave() replaces a channel that failed: what waits for its next try only keeps gRPC alive.
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
              static_cast<int>(std::max<std::int64_t>(100, limit.count())));
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 << 20);
  if (!endpoint.tls) {
    return grpc::CreateCustomChannel(endpoint.target, grpc::InsecureChannelCredentials(), args);
  }
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = settings_.ca_pem;
  tls.pem_cert_chain = settings_.cert_pem;
  tls.pem_private_key = settings_.key_pem;
  return grpc::CreateCustomChannel(endpoint.target, grpc::SslCredentials(tls), args);
}

Rpc::Peer Rpc::Current() {
  const MutexLock lock(mutex_);
  const Endpoint& endpoint = settings_.endpoints[chosen_];
  if (channel_ == nullptr) channel_ = MakeChannel(endpoint);
  return {channel_, &endpoint, token_};
}

// The next call goes to the next server, on a channel without the back-off of this one.
void Rpc::Leave(const Peer& peer) {
  std::shared_ptr<grpc::Channel> dropped;  // its destructor runs without the lock
  const MutexLock lock(mutex_);
  if (channel_ != peer.channel) return;
  dropped.swap(channel_);
  chosen_ = (chosen_ + 1) % settings_.endpoints.size();
}

void Rpc::SetToken(const std::string& token) {
  const MutexLock lock(mutex_);
  token_ = token;
}

Rpc::Outcome Rpc::Finish(const grpc::Status& status, const Peer& peer, const Method& method,
                         bool own_limit) const {
  Outcome out{Explain(status, method.what, *peer.endpoint, settings_), Judge(status)};
  if (status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED) return out;
  const std::string front = "etcd at " + peer.endpoint->text + ": " + method.what + ": no answer ";
  if (!own_limit) {
    out.status = DeadlineExceeded(front + "within the caller's time limit");
  } else {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.timeout);
    out.status = Unavailable(front + "within " + std::to_string(ms.count()) +
                             " ms (option timeout); is it running and does it have a leader?");
  }
  return out;
}

Rpc::Outcome Rpc::Send(const Peer& peer, const Method& method, const shoji_call* call,
                       const Message& request, Message* reply) const {
  const Limit limit = LimitOf(call, settings_.timeout);
  grpc::ClientContext context;
  SetDeadline(limit.deadline, &context);
  if (!peer.token.empty()) context.AddMetadata(kTokenField, peer.token);
  reply->Clear();
  grpc::Status status;
  if (CancelFd(call) < 0) {
    // Without a thread between gRPC and this one.
    status = grpc::internal::BlockingUnaryCall<MessageLite, MessageLite>(
        peer.channel.get(), MethodOf(method), &context, request, reply);
  } else {
    Result<bool> cancelled = SendOrCancel(peer.channel.get(), method, call->cancel_fd, request,
                                          reply, &context, &status);
    if (!cancelled.ok()) return {std::move(cancelled).status(), {}};
    if (*cancelled) {
      return {Cancelled("etcd at " + peer.endpoint->text + ": " + method.what + " was cancelled"),
              {}};
    }
  }
  return Finish(status, peer, method, limit.own);
}

Rpc::Outcome Rpc::Authenticate(Peer* peer, const shoji_call* call) {
  Result<std::string> password = password_();
  if (!password.ok()) return {std::move(password).status().WithContext("option password"), {}};
  etcdserverpb::AuthenticateRequest request;
  request.set_name(settings_.username);
  request.set_password(*password);
  etcdserverpb::AuthenticateResponse reply;
  Outcome out = Send(*peer, kAuthenticate, call, request, &reply);
  if (out.status.message().find(kNoAuthentication) != std::string::npos) {
    const MutexLock lock(mutex_);
    without_token_ = true;  // a name that nobody asks for does no harm
    return {};
  }
  if (!out.status.ok()) return out;
  peer->token = reply.token();
  SetToken(peer->token);
  return out;
}

Rpc::Outcome Rpc::Attempt(Peer* peer, const Method& method, const shoji_call* call,
                          const Message& request, Message* reply) {
  bool known = !settings_.username.empty() && peer->token.empty();
  if (known) {
    const MutexLock lock(mutex_);
    known = !without_token_;
  }
  if (known) {
    Outcome out = Authenticate(peer, call);
    out.verdict.unsent = true;
    if (!out.status.ok()) return out;
  }
  Outcome out = Send(*peer, method, call, request, reply);
  if (!out.verdict.stale_token || settings_.username.empty()) return out;
  peer->token.clear();
  Outcome again = Authenticate(peer, call);
  again.verdict.unsent = true;
  return again.status.ok() ? Send(*peer, method, call, request, reply) : std::move(again);
}

Status Rpc::Call(const Method& method, const shoji_call* call, const Message& request,
                 Message* reply) {
  if (Readable(CancelFd(call))) return Cancelled("the call was cancelled before it began");
  Status last;
  for (std::size_t tries = 0; tries < settings_.endpoints.size(); ++tries) {
    if (call != nullptr && Deadline::FromNanos(call->deadline_ns).passed()) {
      return DeadlineExceeded("the caller's time limit has passed; etcd at " + settings_.Where() +
                              (last.ok() ? "" : ": " + last.message()));
    }
    Peer peer = Current();
    Outcome out = Attempt(&peer, method, call, request, reply);
    if (out.status.ok()) return OkStatus();
    if (!out.verdict.unreachable) return std::move(out).status;
    Leave(peer);
    last = std::move(out).status;
    if (!out.verdict.unsent && !method.repeatable) {
      return std::move(last).WithDetail("outcome", "unknown");  // it may have been carried out
    }
  }
  if (settings_.endpoints.size() == 1) return last;
  return std::move(last).WithContext("none of " + settings_.Where() + " answers");
}

}  // namespace shoji::etcd

#include "rpc.h"

#include <grpc/grpc.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/channel_arguments.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "shoji/base/deadline.h"
#include "shoji/base/socket.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent_kata {

namespace {

using google::protobuf::MessageLite;

constexpr int kPatientTries = 100;
constexpr int kPatientWaitMs = 50;
constexpr auto kRetreatLimit = std::chrono::seconds(2);
constexpr auto kRetreatPause = std::chrono::milliseconds(50);

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(-1);
  args.SetMaxSendMessageSize(-1);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  // A paused VM must not look like a dead one, and probing costs the guest time: no pings of
  // HTTP/2's own. Windows are large from the start instead.
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, INT_MAX);
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 << 20);
  args.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 1 << 20);
  return args;
}

// gRPC's last user would wait for its helper threads when it leaves, up to ten seconds after a
// write that blocked. So there is always one user more; the plugin is linked as one that is
// never unloaded.
void KeepLibrary() {
  static const bool kept = (grpc_init(), true);
  static_cast<void>(kept);
}

std::string Name(std::string_view method) {
  return "guest agent: " + std::string(method.substr(method.find('/') + 1));
}

Status FromGrpc(std::string_view method, const grpc::Status& status) {
  if (status.ok()) return OkStatus();
  const auto code = static_cast<int>(status.error_code());
  const bool known = code > 0 && code <= static_cast<int>(StatusCode::kUnauthenticated);
  std::string text = status.error_message();
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';  // one line
  }
  if (text.empty()) text = "no reason given";
  return {known ? static_cast<StatusCode>(code) : StatusCode::kUnknown, Name(method) + ": " + text};
}

void SetDeadline(const shoji_call* call, grpc::ClientContext* context) {
  if (call == nullptr || call->deadline_ns == 0) return;
  gpr_timespec when{};
  when.tv_sec = call->deadline_ns / 1'000'000'000;
  when.tv_nsec = static_cast<std::int32_t>(call->deadline_ns % 1'000'000'000);
  when.clock_type = GPR_CLOCK_MONOTONIC;
  context->set_deadline(when);
}

// False when the call was cancelled or its time is up.
bool Wait(const shoji_call* call) {
  pollfd cancel{call == nullptr ? -1 : call->cancel_fd, POLLIN, 0};
  if (poll(&cancel, 1, kPatientWaitMs) > 0) return false;
  return call == nullptr || !Deadline::FromNanos(call->deadline_ns).passed();
}

}  // namespace

// Calls off one call when its caller cancels. The thread is there only from then on.
class Rpc::Retreat {
 public:
  Retreat(Rpc* rpc, std::string_view method, const MessageLite& call_off)
      : rpc_(rpc), method_(method), call_off_(call_off) {}
  ~Retreat() { End(); }
  Retreat(const Retreat&) = delete;
  Retreat& operator=(const Retreat&) = delete;

  void Begin(grpc::ClientContext* context) {
    begun_ = true;
    thread_ = std::thread([this, context] { Run(context); });
  }
  // After it the context is not used any more. REQUIRES: Begin() cannot run any more.
  void End() {
    {
      const MutexLock lock(mutex_);
      done_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }
  bool begun() const { return begun_; }

 private:
  // Again and again, for the first may reach the guest before the call it is for.
  void Run(grpc::ClientContext* context) {
    const Deadline limit = Deadline::After(kRetreatLimit);
    shoji_call call{};
    call.struct_size = sizeof call;
    call.cancel_fd = -1;
    call.deadline_ns = limit.nanos();
    const std::unique_ptr<MessageLite> reply(call_off_.New());  // what it says does not matter
    while (!limit.passed() && rpc_->CallOnce(method_, &call, call_off_, reply.get()).status.ok()) {
      MutexLock lock(mutex_);
      if (!done_) changed_.wait_for(mutex_, kRetreatPause);
      if (done_) return;
    }
    context->TryCancel();
  }

  Rpc* const rpc_;
  const std::string_view method_;
  const MessageLite& call_off_;
  std::atomic<bool> begun_ = false;
  std::thread thread_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  bool done_ SHOJI_GUARDED_BY(mutex_) = false;
};

Rpc::~Rpc() {
  MutexLock lock(mutex_);
  closing_ = true;
  for (grpc::ClientContext* context : active_) context->TryCancel();
  while (!active_.empty()) left_.wait(mutex_);
}

bool Rpc::Enter(grpc::ClientContext* context) {
  const MutexLock lock(mutex_);
  if (closing_) return false;
  active_.insert(context);
  return true;
}

void Rpc::Leave(grpc::ClientContext* context) {
  const MutexLock lock(mutex_);
  active_.erase(context);
  left_.notify_all();
}

Result<Rpc::ChannelPtr> Rpc::Channel(const shoji_call* call) {
  const MutexLock one(connecting_);
  {
    const MutexLock lock(mutex_);
    if (channel_ != nullptr) return channel_;
  }
  std::int32_t raw = -1;
  const std::int32_t code = connector_.Connect(call, &raw, nullptr);
  if (code != SHOJI_OK) {
    const auto status = static_cast<StatusCode>(code);
    return Status(status, "the guest cannot be reached (" + std::string(StatusCodeName(status)) +
                              "); its VM or proxy is gone or not there yet");
  }
  UniqueFd fd(raw);
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(fd.get(), true));
  KeepLibrary();
  ChannelPtr channel = grpc::CreateCustomInsecureChannelFromFd("guest", fd.release(), Arguments());
  const MutexLock lock(mutex_);
  channel_ = channel;
  return channel;
}

void Rpc::Drop(const ChannelPtr& channel) {
  ChannelPtr dropped;  // its destructor runs without the lock
  const MutexLock lock(mutex_);
  if (channel_ == channel) dropped.swap(channel_);
}

Rpc::Outcome Rpc::CallOnce(std::string_view method, const shoji_call* call,
                           const MessageLite& request, MessageLite* reply, Retreat* retreat) {
  Result<ChannelPtr> channel = Channel(call);
  if (!channel.ok()) return {std::move(channel).status().WithContext(Name(method)), false};
  grpc::ClientContext context;
  SetDeadline(call, &context);
  if (!Enter(&context)) return {Cancelled(Name(method) + ": the handle is being closed"), false};
  Result<CancelWatcher::Registration> cancel = watcher_.Watch(
      call == nullptr ? -1 : call->cancel_fd,
      [&context, retreat] { retreat == nullptr ? context.TryCancel() : retreat->Begin(&context); });
  if (!cancel.ok()) {
    Leave(&context);
    return {std::move(cancel).status(), false};
  }
  const std::string path = "/" + std::string(method);
  const grpc::Status status = grpc::internal::BlockingUnaryCall<MessageLite, MessageLite>(
      channel->get(),
      grpc::internal::RpcMethod(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC), &context,
      request, reply);
  { const CancelWatcher::Registration ended = std::move(cancel).value(); }
  if (retreat != nullptr) retreat->End();
  Leave(&context);
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) Drop(*channel);
  return {FromGrpc(method, status), true};
}

Status Rpc::Call(std::string_view method, const shoji_call* call, const MessageLite& request,
                 MessageLite* reply) {
  return CallOnce(method, call, request, reply).status;
}

Status Rpc::CallOff(std::string_view method, const shoji_call* call, const MessageLite& request,
                    const MessageLite& call_off, MessageLite* reply) {
  Retreat retreat(this, method, call_off);
  Status status = CallOnce(method, call, request, reply, &retreat).status;
  if (status.ok() && retreat.begun() && reply->ByteSizeLong() == 0) {
    return Cancelled(Name(method) + ": called off");
  }
  return status;
}

Status Rpc::CallPatiently(std::string_view method, const shoji_call* call,
                          const MessageLite& request, MessageLite* reply) {
  for (int tries = 1;; ++tries) {
    const Outcome outcome = CallOnce(method, call, request, reply);
    const bool broke = outcome.reached && outcome.status.code() == StatusCode::kUnavailable;
    if (!broke || tries >= kPatientTries || !Wait(call)) return outcome.status;
  }
}

}  // namespace shoji::agent_kata

#include "rpc.h"

#include <fcntl.h>
#include <grpc/grpc.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <string>
#include <thread>
#include <utility>

#include "exchange.h"
#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/socket.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent_kata {

namespace {

using google::protobuf::MessageLite;

constexpr int kPatientTries = 100;
constexpr int kPatientWaitMs = 50;
constexpr std::chrono::milliseconds kTurnWait{50};  // between looks at cancel_fd
constexpr std::chrono::milliseconds kRetreatLimit{700};
constexpr std::chrono::milliseconds kRetreatPause{50};

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(-1);
  args.SetMaxSendMessageSize(-1);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  // No pings of HTTP/2's own: see rpc.h for those of life, and probing for bandwidth costs the
  // guest time. Windows are large from the start instead.
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

Deadline DeadlineOf(const shoji_call* call) {
  return call == nullptr ? Deadline() : Deadline::FromNanos(call->deadline_ns);
}

// False when the call was cancelled within `wait_ms`.
bool Uncancelled(const shoji_call* call, int wait_ms) {
  pollfd cancel{call == nullptr ? -1 : call->cancel_fd, POLLIN, 0};
  return poll(&cancel, 1, wait_ms) <= 0;
}

// False when the call was cancelled or its time is up.
bool Wait(const shoji_call* call) {
  return Uncancelled(call, kPatientWaitMs) && !DeadlineOf(call).passed();
}

// Not what our own side made up; the guest may use these codes too, which does no harm.
bool FromGuest(const grpc::Status& status) {
  return status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED &&
         status.error_code() != grpc::StatusCode::CANCELLED;
}

// The guest's answer as a message.
Status Parse(std::string_view method, grpc::ByteBuffer* reply, MessageLite* message) {
  grpc::ProtoBufferReader reader(reply);
  if (message->ParseFromZeroCopyStream(&reader)) return OkStatus();
  return Internal(Name(method) + ": its answer makes no sense; it speaks another protocol");
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
    for (;;) {
      grpc::ByteBuffer reply;  // what it says does not matter
      const bool told = rpc_->CallOnce({method_, &call, call_off_}, &reply, nullptr).status.ok();
      if (!told || limit.passed()) break;
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
  for (const auto& [context, connection] : active_) context->TryCancel();
  while (!active_.empty()) changed_.wait(mutex_);
}

bool Rpc::Enter(grpc::ClientContext* context, Connection* connection) {
  const MutexLock lock(mutex_);
  if (closing_) return false;
  active_[context] = connection;
  return true;
}

void Rpc::Leave(grpc::ClientContext* context) {
  const MutexLock lock(mutex_);
  active_.erase(context);
  changed_.notify_all();
}

// Until nobody else connects.
Status Rpc::AwaitTurn(const shoji_call* call) {
  while (connecting_) {
    const auto now = std::chrono::steady_clock::now();
    const auto limit = std::chrono::steady_clock::time_point(
        std::chrono::nanoseconds(DeadlineOf(call).Min(Deadline::After(kTurnWait)).nanos()));
    if (limit > now) changed_.wait_until(mutex_, limit);
    if (!connecting_) break;
    if (!Uncancelled(call, 0)) return Cancelled("cancelled while the guest was connected");
    if (DeadlineOf(call).passed()) return DeadlineExceeded("the guest cannot be reached in time");
  }
  return OkStatus();
}

Result<Rpc::ConnectionPtr> Rpc::Connected(const shoji_call* call) {
  ConnectionPtr broken;  // its destructor runs without the lock
  {
    const MutexLock lock(mutex_);
    SHOJI_RETURN_IF_ERROR(AwaitTurn(call));
    if (connection_ != nullptr && !connection_->Broken()) return connection_;
    broken.swap(connection_);
    connecting_ = true;
  }
  Result<ConnectionPtr> made = Connect(call);
  const MutexLock lock(mutex_);
  connecting_ = false;
  changed_.notify_all();
  if (made.ok()) connection_ = *made;
  return made;
}

Result<Rpc::ConnectionPtr> Rpc::Connect(const shoji_call* call) const {
  std::int32_t raw = -1;
  const std::int32_t code = connector_.Connect(call, &raw, nullptr);
  if (code != SHOJI_OK) {
    const auto status = static_cast<StatusCode>(code);
    return Status(status, "the guest cannot be reached (" + std::string(StatusCodeName(status)) +
                              "); its VM or proxy is gone or not there yet");
  }
  UniqueFd fd(raw);
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(fd.get(), true));
  auto connection = std::make_shared<Connection>();
  connection->socket.reset(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!connection->socket) return ErrnoStatus(errno, "cannot keep the connection to the guest");
  connection->heard_ns = Deadline::NowNanos();
  KeepLibrary();
  connection->channel = grpc::CreateCustomInsecureChannelFromFd("guest", fd.release(), Arguments());
  return connection;
}

void Rpc::Drop(const ConnectionPtr& connection) {
  ConnectionPtr dropped;  // its destructor runs without the lock
  const MutexLock lock(mutex_);
  if (connection_ == connection) dropped.swap(connection_);
}

// Ends all calls on a connection whose guest does not answer.
void Rpc::ExcuseSilence(std::function<bool()> paused) {
  const MutexLock lock(mutex_);
  paused_ = std::move(paused);
}

// The host reads a record for it, so no lock of ours is held meanwhile.
bool Rpc::Paused() {
  std::function<bool()> paused;
  {
    const MutexLock lock(mutex_);
    paused = paused_;
  }
  return paused && paused();
}

void Rpc::GiveUp(Connection* connection) {
  const MutexLock lock(mutex_);
  connection->silent = true;
  for (const auto& [context, on] : active_) {
    if (on == connection) context->TryCancel();
  }
}

grpc::Status Rpc::Run(const Request& request, Connection* connection, grpc::ClientContext* context,
                      grpc::ByteBuffer* reply) {
  const std::string path = "/" + std::string(request.method);
  grpc::Status status;
  Exchange exchange(connection, patience_, [this] { return Paused(); });
  exchange.Start(path, context, request.message, reply, &status);
  while (exchange.Wait() == Exchange::End::kSilent) GiveUp(connection);
  if (FromGuest(status)) connection->heard_ns = Deadline::NowNanos();
  if (connection->silent && !status.ok()) {
    const auto span = std::chrono::duration_cast<std::chrono::seconds>(patience_.give_up);
    return {grpc::StatusCode::UNAVAILABLE,
            "the guest has not answered for " + std::to_string(span.count()) + " s"};
  }
  if (!status.ok() || reply->Valid()) return status;
  return {grpc::StatusCode::INTERNAL, "success without an answer; it speaks another protocol"};
}

Rpc::Outcome Rpc::CallOnce(const Request& request, grpc::ByteBuffer* reply, Retreat* retreat) {
  const std::string name = Name(request.method);
  Result<ConnectionPtr> connection = Connected(request.call);
  if (!connection.ok()) return {std::move(connection).status().WithContext(name), false};
  grpc::ClientContext context;
  SetDeadline(request.call, &context);
  if (!Enter(&context, connection->get())) {
    return {Cancelled(name + ": the handle is being closed"), false};
  }
  Result<CancelWatcher::Registration> cancel = watcher_.Watch(
      request.call == nullptr ? -1 : request.call->cancel_fd,
      [&context, retreat] { retreat == nullptr ? context.TryCancel() : retreat->Begin(&context); });
  if (!cancel.ok()) {
    Leave(&context);
    return {std::move(cancel).status(), false};
  }
  const grpc::Status status = Run(request, connection->get(), &context, reply);
  { const CancelWatcher::Registration ended = std::move(cancel).value(); }
  if (retreat != nullptr) retreat->End();
  Leave(&context);
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) Drop(*connection);
  return {FromGrpc(request.method, status), true};
}

Status Rpc::CallRaw(std::string_view method, const shoji_call* call, const MessageLite& request,
                    grpc::ByteBuffer* reply) {
  return CallOnce({method, call, request}, reply, nullptr).status;
}

Status Rpc::CallOff(std::string_view method, const shoji_call* call, const MessageLite& request,
                    const MessageLite& call_off, grpc::ByteBuffer* reply) {
  Retreat retreat(this, method, call_off);
  Status status = CallOnce({method, call, request}, reply, &retreat).status;
  if (status.ok() && retreat.begun() && reply->Length() == 0) {
    return Cancelled(Name(method) + ": called off");
  }
  return status;
}

Status Rpc::Call(std::string_view method, const shoji_call* call, const MessageLite& request,
                 MessageLite* reply) {
  grpc::ByteBuffer raw;
  SHOJI_RETURN_IF_ERROR(CallRaw(method, call, request, &raw));
  return Parse(method, &raw, reply);
}

Status Rpc::CallPatiently(std::string_view method, const shoji_call* call,
                          const MessageLite& request, MessageLite* reply) {
  for (int tries = 1;; ++tries) {
    grpc::ByteBuffer raw;
    Outcome outcome = CallOnce({method, call, request}, &raw, nullptr);
    if (outcome.status.ok()) return Parse(method, &raw, reply);
    const bool broke = outcome.reached && outcome.status.code() == StatusCode::kUnavailable;
    if (!broke || tries >= kPatientTries || !Wait(call)) return outcome.status;
  }
}

}  // namespace shoji::agent_kata

#include "exchange.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/async_unary_call.h>
#include <poll.h>

#include "shoji-kata/health.pb.h"
#include "shoji/base/deadline.h"

namespace shoji::agent_kata {

namespace {

using google::protobuf::MessageLite;
using grpc::internal::RpcMethod;

constexpr char kCheck[] = "/grpc.Health/Check";

// The tag of the exchange itself; any other is the question's.
void* Own(Exchange* exchange) { return exchange; }

gpr_timespec At(std::int64_t nanos) {
  gpr_timespec when{};
  when.tv_sec = nanos / 1'000'000'000;
  when.tv_nsec = static_cast<std::int32_t>(nanos % 1'000'000'000);
  when.clock_type = GPR_CLOCK_MONOTONIC;
  return when;
}

gpr_timespec After(std::chrono::nanoseconds span) {
  return At(Deadline::NowNanos() + span.count());
}

void Begin(grpc::Channel* channel, grpc::CompletionQueue* queue, const char* path,
           grpc::ClientContext* context, const MessageLite& request, grpc::ByteBuffer* reply,
           grpc::Status* status, void* tag) {
  const RpcMethod method(path, RpcMethod::NORMAL_RPC);
  auto* reader =
      grpc::internal::ClientAsyncResponseReaderHelper::Create<grpc::ByteBuffer, MessageLite,
                                                              grpc::ByteBuffer, MessageLite>(
          channel, queue, method, context, request);
  reader->StartCall();  // lives with the call
  reader->Finish(reply, status, tag);
}

}  // namespace

struct Exchange::Question {
  grpc::ClientContext context;
  grpc::CheckRequest request;
  grpc::ByteBuffer reply;
  grpc::Status status;
  bool excused = false;  // the guest was held while it waited for this
};

bool Connection::Broken() const {
  pollfd state{socket.get(), POLLRDHUP, 0};
  return poll(&state, 1, 0) > 0;
}

Exchange::Exchange(Connection* connection, Patience patience, std::function<bool()> paused)
    : connection_(connection), patience_(patience), paused_(std::move(paused)) {}

Exchange::~Exchange() {
  if (question_ != nullptr) question_->context.TryCancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
  if (question_ != nullptr) connection_->asking = false;
}

void Exchange::Start(const std::string& path, grpc::ClientContext* context,
                     const MessageLite& request, grpc::ByteBuffer* reply, grpc::Status* status) {
  Begin(connection_->channel.get(), &queue_, path.c_str(), context, request, reply, status,
        Own(this));
}

bool Exchange::Silent() const {
  return Deadline::NowNanos() - connection_->heard_ns >= patience_.ask_every.count();
}

Exchange::End Exchange::Wait() {
  const bool asks = patience_.ask_every.count() > 0;
  while (true) {
    void* tag = nullptr;
    bool ok = false;
    const gpr_timespec until =
        asks ? After(patience_.ask_every) : gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (queue_.AsyncNext(&tag, &ok, until) == grpc::CompletionQueue::TIMEOUT) {
      Tick();
    } else if (tag == Own(this)) {
      return End::kDone;
    } else if (Answered() == End::kSilent) {
      return End::kSilent;
    }
  }
}

// Whoever asks looks again meanwhile: a guest that is held for longer than this is seen, and one
// that is held for less has the rest of the time to answer.
void Exchange::Tick() {
  if (question_ != nullptr) {
    question_->excused = question_->excused || paused_();
  } else if (Silent() && !connection_->silent && !connection_->asking && !paused_() &&
             !connection_->asking.exchange(true)) {
    Ask();
  }
}

void Exchange::Ask() {
  question_ = std::make_unique<Question>();
  question_->context.set_deadline(After(patience_.give_up));
  Begin(connection_->channel.get(), &queue_, kCheck, &question_->context, question_->request,
        &question_->reply, &question_->status, question_.get());
}

// Whatever it answers, it lives; only when there is none in time it does not.
Exchange::End Exchange::Answered() {
  const bool none = question_->status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  const bool excused = none && (question_->excused || paused_());
  question_.reset();
  if (!none) connection_->heard_ns = Deadline::NowNanos();
  connection_->asking = false;
  return none && !excused ? End::kSilent : End::kDone;
}

}  // namespace shoji::agent_kata

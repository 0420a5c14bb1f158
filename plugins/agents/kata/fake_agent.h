// A gRPC server for tests on one end of a socket pair, answering by script.
#ifndef SHOJI_AGENT_KATA_FAKE_AGENT_H_
#define SHOJI_AGENT_KATA_FAKE_AGENT_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shoji/base/socket.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent_kata {

class FakeAgent : private grpc::CallbackGenericService {
 public:
  // Fills the answer from the request.
  using Handler = std::function<grpc::Status(const std::string& request, std::string* reply)>;

  FakeAgent() {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeAgent() override { Die(); }

  // Methods without a handler block until they are cancelled.
  void On(const std::string& method, Handler handler) {
    const MutexLock lock(mutex_);
    handlers_["/grpc." + method] = std::move(handler);
  }
  // Answers with `reply` and keeps the request.
  template <typename Request>
  void Answer(const std::string& method, Request* request,
              const google::protobuf::MessageLite& reply) {
    On(method,
       [request, text = reply.SerializeAsString()](const std::string& in, std::string* out) {
         if (!request->ParseFromString(in))
           return grpc::Status(grpc::StatusCode::INTERNAL, "parse");
         *out = text;
         return grpc::Status::OK;
       });
  }
  void Refuse(const std::string& method, grpc::StatusCode code, const std::string& text) {
    On(method, [code, text](const std::string&, std::string*) { return grpc::Status(code, text); });
  }
  // Waits until `count` calls block.
  void AwaitBlocked(int count) {
    MutexLock lock(mutex_);
    while (blocked_ < count) changed_.wait(mutex_);
  }
  void AwaitUnblocked() {
    MutexLock lock(mutex_);
    while (blocked_ > 0) changed_.wait(mutex_);
  }

  UniqueFd Connect() {
    auto ends = std::move(*SocketPair());
    static_cast<void>(SetNonBlocking(ends.first.get(), true));
    grpc::AddInsecureChannelFromFd(server_.get(), ends.first.release());
    return std::move(ends.second);
  }
  void Die() { server_->Shutdown(std::chrono::system_clock::now()); }

 private:
  class Reactor : public grpc::ServerGenericBidiReactor {
   public:
    Reactor(FakeAgent* agent, std::string method) : agent_(agent), method_(std::move(method)) {
      StartRead(&request_);
    }
    void OnReadDone(bool ok) override {
      const Handler handler = agent_->Find(method_);
      const State next = ok && handler == nullptr ? State::kBlocked : State::kDone;
      State expected = State::kNew;
      if (!state_.compare_exchange_strong(expected, next)) return Finish(grpc::Status::CANCELLED);
      if (!ok) return Finish(grpc::Status(grpc::StatusCode::INTERNAL, "no request"));
      if (handler == nullptr) return agent_->Block(1);
      std::string answer;
      const grpc::Status status = handler(Text(), &answer);
      if (!status.ok()) return Finish(status);
      const grpc::Slice slice(answer);
      reply_ = grpc::ByteBuffer(&slice, 1);
      StartWriteAndFinish(&reply_, grpc::WriteOptions(), grpc::Status::OK);
    }
    void OnCancel() override {
      State expected = State::kNew;
      if (state_.compare_exchange_strong(expected, State::kDone)) return;  // OnReadDone() finishes
      if (expected != State::kBlocked) return;
      agent_->Block(-1);
      Finish(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

   private:
    enum class State { kNew, kBlocked, kDone };

    std::string Text() const {
      std::vector<grpc::Slice> slices;
      std::string text;
      if (!request_.Dump(&slices).ok()) return text;
      for (const grpc::Slice& s : slices) {
        text.append(reinterpret_cast<const char*>(s.begin()), s.size());
      }
      return text;
    }

    FakeAgent* const agent_;
    const std::string method_;
    grpc::ByteBuffer request_;
    grpc::ByteBuffer reply_;
    std::atomic<State> state_ = State::kNew;
  };

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* ctx) override {
    return new Reactor(this, ctx->method());
  }
  Handler Find(const std::string& method) {
    const MutexLock lock(mutex_);
    const auto it = handlers_.find(method);
    return it == handlers_.end() ? nullptr : it->second;
  }
  void Block(int change) {
    const MutexLock lock(mutex_);
    blocked_ += change;
    changed_.notify_all();
  }

  Mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Handler> handlers_ SHOJI_GUARDED_BY(mutex_);
  int blocked_ SHOJI_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_FAKE_AGENT_H_

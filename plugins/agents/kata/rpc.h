// Unary gRPC calls to the guest over connections that a connector gives.
//
// Purpose  One channel, opened by the first call and shared by all; one that broke is dropped
//          and the next call opens another. Deadline and cancel_fd of the call are honoured.
// Threads  Any; the destructor cancels what is under way and waits for it.
// Example  rpc.Call("grpc.AgentService/StartContainer", call, request, &reply)
#ifndef SHOJI_AGENT_KATA_RPC_H_
#define SHOJI_AGENT_KATA_RPC_H_

#include <google/protobuf/message_lite.h>

#include <condition_variable>
#include <memory>
#include <set>
#include <string_view>

#include "cancel_watcher.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/sdk/agent.h"
#include "shoji/status.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace shoji::agent_kata {

class Rpc {
 public:
  explicit Rpc(sdk::Connector connector) : connector_(std::move(connector)) {}
  ~Rpc();
  Rpc(const Rpc&) = delete;
  Rpc& operator=(const Rpc&) = delete;

  // `method` is "package.Service/Name". Errors carry gRPC's code, and Name in the message.
  Status Call(std::string_view method, const shoji_call* call,
              const google::protobuf::MessageLite& request, google::protobuf::MessageLite* reply)
      SHOJI_EXCLUDES(mutex_);
  // The same, and once more on a new connection as long as one breaks before the answer:
  // for the first call to a guest, which may begin anew while it boots.
  Status CallPatiently(std::string_view method, const shoji_call* call,
                       const google::protobuf::MessageLite& request,
                       google::protobuf::MessageLite* reply) SHOJI_EXCLUDES(mutex_);
  // For a call whose answer must not be lost when it is cancelled, because it holds what the
  // guest gives once. When the caller cancels, `call_off` is sent by the same method, which makes
  // the guest answer all calls that wait: OK with what it had, or with an empty reply, after
  // which this gives CANCELLED. A guest that does not know of it is cancelled after 2 s.
  Status CallOff(std::string_view method, const shoji_call* call,
                 const google::protobuf::MessageLite& request,
                 const google::protobuf::MessageLite& call_off,
                 google::protobuf::MessageLite* reply) SHOJI_EXCLUDES(mutex_);

 private:
  class Retreat;
  struct Outcome {
    Status status;
    bool reached = false;  // a connection was there
  };
  using ChannelPtr = std::shared_ptr<grpc::Channel>;

  Outcome CallOnce(std::string_view method, const shoji_call* call,
                   const google::protobuf::MessageLite& request,
                   google::protobuf::MessageLite* reply, Retreat* retreat = nullptr)
      SHOJI_EXCLUDES(mutex_);
  Result<ChannelPtr> Channel(const shoji_call* call) SHOJI_EXCLUDES(mutex_, connecting_);
  void Drop(const ChannelPtr& channel) SHOJI_EXCLUDES(mutex_);
  bool Enter(grpc::ClientContext* context) SHOJI_EXCLUDES(mutex_);
  void Leave(grpc::ClientContext* context) SHOJI_EXCLUDES(mutex_);

  const sdk::Connector connector_;
  CancelWatcher watcher_;
  Mutex connecting_;  // held while one thread connects for all
  Mutex mutex_;
  std::condition_variable_any left_;
  ChannelPtr channel_ SHOJI_GUARDED_BY(mutex_);
  std::set<grpc::ClientContext*> active_ SHOJI_GUARDED_BY(mutex_);
  bool closing_ SHOJI_GUARDED_BY(mutex_) = false;
};

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_RPC_H_

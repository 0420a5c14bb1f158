// Unary gRPC calls to the guest over connections that a connector gives.
//
// Purpose  One channel, opened by the first call and shared by all; one that broke is dropped
//          and the next call opens another. Deadline and cancel_fd of the call are honoured,
//          also while another call connects.
// Dead     A connection that the other side closed ends its calls at once. One that is silent
//          is asked: while calls wait and nothing was heard for `ask_every`, one of them sends
//          a Health.Check beside; without an answer within `give_up` the guest counts as dead
//          and all calls end with UNAVAILABLE. HTTP/2's own pings would not do: a Go agent
//          ends the connection of who pings more often than every five minutes. The limits
//          are generous on purpose: under emulation a guest may be busy for many seconds. Who
//          knows better sets a deadline. A guest that the host holds on purpose is not asked,
//          and a question during which it was held does not count.
// Threads  Any; the destructor cancels what is under way and waits for it. No thread of its
//          own but the one of CancelWatcher: whoever waits does the asking.
// Example  rpc.Call("grpc.AgentService/StartContainer", call, request, &reply)
#ifndef SHOJI_AGENT_KATA_RPC_H_
#define SHOJI_AGENT_KATA_RPC_H_

#include <google/protobuf/message_lite.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include "cancel_watcher.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/sdk/agent.h"
#include "shoji/status.h"

namespace grpc {
class ByteBuffer;
class ClientContext;
class Status;
}  // namespace grpc

namespace shoji::agent_kata {

struct Connection;

// How long a silent guest is waited for; ask_every 0: for ever.
struct Patience {
  std::chrono::nanoseconds ask_every = std::chrono::seconds(30);
  std::chrono::nanoseconds give_up = std::chrono::seconds(90);
};

class Rpc {
 public:
  explicit Rpc(sdk::Connector connector, Patience patience = {})
      : connector_(std::move(connector)), patience_(patience) {}
  ~Rpc();
  Rpc(const Rpc&) = delete;
  Rpc& operator=(const Rpc&) = delete;

  // `paused` tells whether the guest is held on purpose. It is asked when it was silent for long.
  void ExcuseSilence(std::function<bool()> paused) SHOJI_EXCLUDES(mutex_);

  // `method` is "package.Service/Name". Errors carry gRPC's code, and Name in the message.
  Status Call(std::string_view method, const shoji_call* call,
              const google::protobuf::MessageLite& request, google::protobuf::MessageLite* reply)
      SHOJI_EXCLUDES(mutex_);
  // The same; the reply is left as it came, for the caller to read without a copy.
  Status CallRaw(std::string_view method, const shoji_call* call,
                 const google::protobuf::MessageLite& request, grpc::ByteBuffer* reply)
      SHOJI_EXCLUDES(mutex_);
  // As CallRaw, for a call whose answer must not be lost when it is cancelled, because it holds
  // what the guest gives once. When the caller cancels, `call_off` is sent by the same method,
  // which makes the guest answer all calls that wait: OK with what it had, or with an empty reply,
  // after which this gives CANCELLED. A guest that does not know of it is cancelled after 0.7 s.
  Status CallOff(std::string_view method, const shoji_call* call,
                 const google::protobuf::MessageLite& request,
                 const google::protobuf::MessageLite& call_off, grpc::ByteBuffer* reply)
      SHOJI_EXCLUDES(mutex_);
  // As Call, and once more on a new connection as long as one breaks before the answer:
  // for the first call to a guest, which may begin anew while it boots.
  Status CallPatiently(std::string_view method, const shoji_call* call,
                       const google::protobuf::MessageLite& request,
                       google::protobuf::MessageLite* reply) SHOJI_EXCLUDES(mutex_);

 private:
  class Retreat;
  struct Outcome {
    Status status;
    bool reached = false;  // a connection was there
  };
  struct Request {
    std::string_view method;
    const shoji_call* call;
    const google::protobuf::MessageLite& message;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;

  // `retreat`: what to do when the caller cancels; none: the call is broken off.
  Outcome CallOnce(const Request& request, grpc::ByteBuffer* reply, Retreat* retreat)
      SHOJI_EXCLUDES(mutex_);
  grpc::Status Run(const Request& request, Connection* connection, grpc::ClientContext* context,
                   grpc::ByteBuffer* reply) SHOJI_EXCLUDES(mutex_);
  void GiveUp(Connection* connection) SHOJI_EXCLUDES(mutex_);
  bool Paused() SHOJI_EXCLUDES(mutex_);

  Result<ConnectionPtr> Connected(const shoji_call* call) SHOJI_EXCLUDES(mutex_);
  Status AwaitTurn(const shoji_call* call) SHOJI_REQUIRES(mutex_);
  Result<ConnectionPtr> Connect(const shoji_call* call) const;
  void Drop(const ConnectionPtr& connection) SHOJI_EXCLUDES(mutex_);

  bool Enter(grpc::ClientContext* context, Connection* connection) SHOJI_EXCLUDES(mutex_);
  void Leave(grpc::ClientContext* context) SHOJI_EXCLUDES(mutex_);

  const sdk::Connector connector_;
  const Patience patience_;
  CancelWatcher watcher_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  bool connecting_ SHOJI_GUARDED_BY(mutex_) = false;  // one thread connects for all
  ConnectionPtr connection_ SHOJI_GUARDED_BY(mutex_);
  std::map<grpc::ClientContext*, Connection*> active_ SHOJI_GUARDED_BY(mutex_);
  bool closing_ SHOJI_GUARDED_BY(mutex_) = false;
  std::function<bool()> paused_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_RPC_H_

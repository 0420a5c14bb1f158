// One call of a client, which may be answered at once or much later.
//
// Purpose  Blocking calls (WaitProcess, ReadStdout, a full pipe) hold a Call instead of a
//          thread. Answering a call whose client went away does nothing.
// Threads  The loop's.
// Example
//     waiters.push_back(call);
//     call->OnGone([this, raw = call.get()] { Forget(raw); });
//     ... later: call->Reply(response);
#ifndef SHOJI_GUEST_AGENT_RPC_CALL_H_
#define SHOJI_GUEST_AGENT_RPC_CALL_H_

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "rpc/buffer.h"
#include "shoji/status.h"

namespace shoji::agent {

class Call {
 public:
  // The connection a call came over.
  class Owner {
   public:
    virtual ~Owner() = default;
    // `framed` is the reply with its gRPC prefix; empty when the status is not OK.
    virtual void Answer(std::int32_t stream, const Status& status, Buffer framed) = 0;
    // So much waits to be sent that replies should be small.
    virtual bool Congested() const = 0;
  };

  Call(Owner* owner, std::int32_t stream) : owner_(owner), stream_(stream) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // The first of these answers, the others do nothing.
  void Reply(const google::protobuf::MessageLite& reply);
  // The same with a message that is encoded already: `encoded` has kPrefixBytes of room in front.
  void ReplyEncoded(Buffer encoded);
  void Finish(const Status& status);  // OK: the empty message

  // Neither answered nor given up by the client.
  bool open() const { return owner_ != nullptr; }
  bool congested() const { return owner_ != nullptr && owner_->Congested(); }

  // `task` runs once when the client gives up before the answer.
  void OnGone(std::function<void()> task) { on_gone_ = std::move(task); }

  // For the owner: the client gave up, or the connection is gone.
  void Abandon();
  // For the owner: its time limit passed.
  void Expire();

 private:
  void Send(const Status& status, Buffer framed);

  Owner* owner_;
  std::int32_t stream_;
  std::function<void()> on_gone_;
};

using CallPtr = std::shared_ptr<Call>;

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_RPC_CALL_H_

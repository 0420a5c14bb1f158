// One request and its reply on a channel, while the caller's thread stays awake to ask beside
// whether the guest lives.
//
// Threads  One; Connection is shared.
// Example  Exchange exchange(&connection, patience, paused);
//          exchange.Start(path, &context, request);
//          if (exchange.Wait() == Exchange::End::kSilent) ... the guest is dead
#ifndef SHOJI_AGENT_KATA_EXCHANGE_H_
#define SHOJI_AGENT_KATA_EXCHANGE_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "rpc.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent_kata {

// A channel on one socket, and what is known of the other side.
struct Connection {
  // True when the other side has closed; one system call.
  bool Broken() const;

  std::shared_ptr<grpc::Channel> channel;
  UniqueFd socket;  // a second descriptor of the channel's
  std::atomic<std::int64_t> heard_ns = 0;
  std::atomic<bool> asking = false;
  std::atomic<bool> silent = false;
};

class Exchange {
 public:
  enum class End { kDone, kSilent };

  // `paused` tells whether the guest is held on purpose: then its silence does not count.
  Exchange(Connection* connection, Patience patience, std::function<bool()> paused);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // `path` is "/package.Service/Name"; all outlive the exchange.
  void Start(const std::string& path, grpc::ClientContext* context,
             const google::protobuf::MessageLite& request, grpc::ByteBuffer* reply,
             grpc::Status* status);
  // kDone: reply and status are there. kSilent: the guest did not answer when it was asked;
  // cancel the context, then wait again.
  End Wait();

 private:
  struct Question;
  bool Silent() const;
  void Tick();
  void Ask();
  End Answered();

  Connection* const connection_;
  const Patience patience_;
  const std::function<bool()> paused_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<Question> question_;
};

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_EXCHANGE_H_

// Unary calls to an etcd cluster.
//
// Purpose  One channel to one of the servers, opened by the first call and shared by all. A
//          server that cannot be reached is left for the next in the list; a request that may
//          have been carried out is sent twice only if that does no harm. Authenticates, and
//          does so again when the token has expired.
// Limits   Deadline and cancel_fd of the call; without a deadline the option `timeout` for
//          each request, after which the server counts as UNAVAILABLE.
// Threads  Any; the destructor comes last. No thread of gRPC is left after it.
// Example  rpc.Call(kTxn, call, request, &reply)
#ifndef SHOJI_ETCD_RPC_H_
#define SHOJI_ETCD_RPC_H_

#include <google/protobuf/message_lite.h>

#include <functional>
#include <memory>
#include <string>

#include "settings.h"
#include "shoji/base/deadline.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/plugin/base.h"
#include "shoji/status.h"

namespace grpc {
class Channel;
class Status;
}  // namespace grpc

namespace shoji::etcd {

struct Method {
  const char* path;
  const char* what;  // for messages
  bool repeatable;   // sent twice it does no harm
};

inline constexpr Method kRange = {"/etcdserverpb.KV/Range", "read", true};
inline constexpr Method kPut = {"/etcdserverpb.KV/Put", "write piece", true};
inline constexpr Method kTxn = {"/etcdserverpb.KV/Txn", "write", false};
inline constexpr Method kLeaseGrant = {"/etcdserverpb.Lease/LeaseGrant", "lease", true};
inline constexpr Method kLeaseRevoke = {"/etcdserverpb.Lease/LeaseRevoke", "end lease", true};
inline constexpr Method kAuthenticate = {"/etcdserverpb.Auth/Authenticate", "authenticate", true};
inline constexpr Method kStatus = {"/etcdserverpb.Maintenance/Status", "status", true};

class Rpc {
 public:
  // Resolves what the operator wrote as password; called for each authentication, so that no
  // copy of the secret lives on.
  using PasswordReader = std::function<Result<std::string>()>;
  using Message = google::protobuf::MessageLite;

  Rpc(Settings settings, PasswordReader password);
  ~Rpc();
  Rpc(const Rpc&) = delete;
  Rpc& operator=(const Rpc&) = delete;

  const Settings& settings() const { return settings_; }

  Status Call(const Method& method, const shoji_call* call, const Message& request, Message* reply)
      SHOJI_EXCLUDES(mutex_);

 private:
  struct Peer {
    std::shared_ptr<grpc::Channel> channel;
    const Endpoint* endpoint = nullptr;
    std::string token;
  };
  struct Outcome;

  Peer Current() SHOJI_EXCLUDES(mutex_);
  void Leave(const Peer& peer) SHOJI_EXCLUDES(mutex_);
  void SetToken(const std::string& token) SHOJI_EXCLUDES(mutex_);
  std::shared_ptr<grpc::Channel> MakeChannel(const Endpoint& endpoint) const;
  Outcome Attempt(Peer* peer, const Method& method, const shoji_call* call, const Message& request,
                  Message* reply) SHOJI_EXCLUDES(mutex_);
  Outcome Authenticate(Peer* peer, const shoji_call* call) SHOJI_EXCLUDES(mutex_);
  Outcome Send(const Peer& peer, const Method& method, const shoji_call* call,
               const Message& request, Message* reply) const;
  Outcome Finish(const grpc::Status& status, const Peer& peer, const Method& method,
                 bool own_limit) const;

  const Settings settings_;
  const PasswordReader password_;
  Mutex mutex_;
  std::size_t chosen_ SHOJI_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<grpc::Channel> channel_ SHOJI_GUARDED_BY(mutex_);
  std::string token_ SHOJI_GUARDED_BY(mutex_);
  bool without_token_ SHOJI_GUARDED_BY(mutex_) = false;  // the server has no authentication
};

}  // namespace shoji::etcd

#endif  // SHOJI_ETCD_RPC_H_

// The table of methods, and what all connections share.
//
// Threads  The loop's.
// Example
//     Server server;
//     server.Unary<CheckRequest, HealthCheckResponse>("/grpc.Health/Check",
//         [](const CheckRequest&, HealthCheckResponse* reply) { ...; return OkStatus(); });
#ifndef SHOJI_GUEST_AGENT_RPC_SERVER_H_
#define SHOJI_GUEST_AGENT_RPC_SERVER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "rpc/call.h"
#include "shoji/status.h"

namespace shoji::agent {

// Bytes of requests that may be held at once; small requests are never refused by the
// common limit, so that one client with large ones cannot shut out the others.
class RequestBudget {
 public:
  static constexpr std::size_t kPerConnection = 20U << 20U;
  static constexpr std::size_t kTotal = 64U << 20U;

  bool Admits(std::size_t bytes) const { return used_ + bytes <= kTotal; }
  void Charge(std::size_t bytes) { used_ += bytes; }
  void Release(std::size_t bytes) { used_ -= bytes; }
  std::size_t used() const { return used_; }

 private:
  std::size_t used_ = 0;
};

class Server {
 public:
  using Method = std::function<void(const std::string& request, const CallPtr& call)>;

  // A method that keeps the call and answers it when it can.
  template <typename Request>
  void Async(std::string path, std::function<void(Request&, const CallPtr&)> method) {
    methods_[std::move(path)] = [method = std::move(method)](const std::string& bytes,
                                                             const CallPtr& call) {
      Request request;
      if (!request.ParseFromString(bytes)) return call->Finish(Malformed());
      method(request, call);
    };
  }
  // A method that answers at once with a message.
  template <typename Request, typename Reply>
  void Unary(std::string path, std::function<Status(const Request&, Reply*)> method) {
    Async<Request>(std::move(path),
                   [method = std::move(method)](Request& request, const CallPtr& call) {
                     Reply reply;
                     const Status status = method(request, &reply);
                     status.ok() ? call->Reply(reply) : call->Finish(status);
                   });
  }
  // A method that answers at once with success or failure.
  template <typename Request>
  void Command(std::string path, std::function<Status(const Request&)> method) {
    Async<Request>(std::move(path),
                   [method = std::move(method)](Request& request, const CallPtr& call) {
                     call->Finish(method(request));
                   });
  }

  // nullptr for an unknown path.
  const Method* Find(const std::string& path) const;
  RequestBudget& budget() { return budget_; }

 private:
  static Status Malformed();

  std::unordered_map<std::string, Method> methods_;
  RequestBudget budget_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_RPC_SERVER_H_

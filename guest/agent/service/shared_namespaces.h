// The namespaces that all containers of the sandbox share: ipc, uts and, if wanted, pid.
//
// Threads  The loop's; the agent has no other, which is what setns() needs here.
// Example  SHOJI_ASSIGN_OR_RETURN(auto shared, SharedNamespaces::Create("web", false));
#ifndef SHOJI_GUEST_AGENT_SERVICE_SHARED_NAMESPACES_H_
#define SHOJI_GUEST_AGENT_SERVICE_SHARED_NAMESPACES_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "shoji/status.h"

namespace shoji::agent {

inline constexpr char kNamespaceDir[] = "/var/run/sandbox-ns";

class SharedNamespaces {
 public:
  // Namespaces that outlive their processes, mounted under kNamespaceDir; with `pid` also
  // a process namespace, kept by a process that does nothing but reap.
  static Result<std::unique_ptr<SharedNamespaces>> Create(const std::string& hostname, bool pid);
  ~SharedNamespaces();
  SharedNamespaces(const SharedNamespaces&) = delete;
  SharedNamespaces& operator=(const SharedNamespaces&) = delete;

  std::string ipc() const { return std::string(kNamespaceDir) + "/ipc"; }
  // Where the message queues of ipc() are mounted; empty: the kernel has none.
  const std::string& mqueue() const { return mqueue_; }
  std::string uts() const { return std::string(kNamespaceDir) + "/uts"; }
  std::string pid() const;  // empty: none
  // For the first container that asks for it, when nobody did before.
  Status EnsurePid();

 private:
  SharedNamespaces() = default;
  Status MakeIpcAndUts(const std::string& hostname);
  Status Keep(const std::string& name);
  Status ShowQueues();
  Status MakePid();

  std::vector<std::string> kept_;
  std::string mqueue_;
  pid_t pause_ = -1;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_SHARED_NAMESPACES_H_

// For tests: the agent's program in namespaces of its own, and a client of it.
//
// Purpose  The agent runs as PID 1 over private mounts, as in a VM: when it ends, nothing it
//          made is left.
// Threads  One.
// Example  Guest guest; guest.agent().CreateSandbox(...)
#ifndef SHOJI_GUEST_AGENT_TESTING_GUEST_H_
#define SHOJI_GUEST_AGENT_TESTING_GUEST_H_

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shoji-kata/agent.grpc.pb.h"
#include "shoji-kata/health.grpc.pb.h"

namespace shoji::agent::testing {

struct GuestOptions {
  std::string sys;                 // a directory to show as /sys; empty: the machine's
  std::vector<std::string> words;  // as on a kernel's command line
  bool cgroups = false;            // the machine's cgroup v2, with whatever it has there
};

class Guest {
 public:
  Guest() : Guest(GuestOptions{}) {}
  explicit Guest(const GuestOptions& options);
  ~Guest();  // ends the agent and waits for it
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  grpc::AgentService::Stub& agent() { return *agent_; }
  grpc::Health::Stub& health() { return *health_; }
  std::string socket() const { return dir_ + "/agent.sock"; }
  // A new connection.
  std::shared_ptr<grpc::Channel> Dial() const;
  pid_t pid() const { return agent_pid_; }  // in the test's namespace
  const std::string& dir() const { return dir_; }
  // Runs in the agent's network namespace.
  void InNetwork(const std::function<void()>& task) const;

  grpc::Status CreateSandbox();
  // A container that runs `args` in a busybox root.
  grpc::CreateContainerRequest Request(const std::string& id, const std::vector<std::string>& args);
  grpc::Status Create(const grpc::CreateContainerRequest& request);
  grpc::Status Start(const std::string& id);
  grpc::Status Run(const std::string& id, const std::vector<std::string>& args);
  grpc::Status Exec(const std::string& id, const std::string& exec_id,
                    const std::vector<std::string>& args);
  grpc::Status Remove(const std::string& id, unsigned timeout = 0);
  grpc::Status Signal(const std::string& id, const std::string& exec_id, int signal);
  // The exit code, or -1 - the code of the failed call.
  int Wait(const std::string& id, const std::string& exec_id);
  // Until the end of the stream.
  std::string ReadAll(const std::string& id, const std::string& exec_id, bool err = false);

 private:
  void MakeRoot();

  std::string dir_;
  pid_t agent_pid_ = -1;
  std::unique_ptr<grpc::AgentService::Stub> agent_;
  std::unique_ptr<grpc::Health::Stub> health_;
};

}  // namespace shoji::agent::testing

#endif  // SHOJI_GUEST_AGENT_TESTING_GUEST_H_

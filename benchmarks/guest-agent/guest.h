// The agent of a VM, as a host drives it.
//
// Purpose  Containers in a guest for a benchmark; a call that fails ends the program.
// Threads  One.
// Example  Guest guest("/tmp/agent.sock"); guest.Start(guest.Plain("c1", Place::kRam,
// {"/bin/true"}));
#ifndef SHOJI_BENCHMARKS_GUEST_AGENT_GUEST_H_
#define SHOJI_BENCHMARKS_GUEST_AGENT_GUEST_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "shoji-kata/agent.grpc.pb.h"
#include "shoji-kata/health.grpc.pb.h"
#include "testing/yamux_bridge.h"

namespace shoji::bench {

// Where a root file system lies: in the guest's memory, or on the directory shared with the host.
enum class Place { kRam, kShare };

class Guest {
 public:
  // Returns when the agent has answered and both places are mounted.
  explicit Guest(const std::string& socket);

  // What crun's default specification says; the agent adds a pid namespace to each by itself.
  static grpc::CreateContainerRequest Plain(const std::string& id, Place place,
                                            const std::vector<std::string>& args);
  // Shares all with the guest but the mounts, may do everything.
  static grpc::CreateContainerRequest Privileged(const std::string& id, Place place,
                                                 const std::vector<std::string>& args);

  void Create(const grpc::CreateContainerRequest& request);
  void Start(const std::string& id);
  int Wait(const std::string& id, const std::string& exec_id);
  void Remove(const std::string& id);
  // How a client asks for a process's output.
  struct Reading {
    bool large_frames = false;  // as our agent client sets its channel up, or as gRPC does
    std::uint32_t length = 0;   // of one call
  };
  // The seconds it took until all was read of what a process writes to its stdout.
  double SecondsToRead(const std::string& id, const std::vector<std::string>& args,
                       const Reading& reading, std::uint64_t bytes);
  // What a process in a container prints.
  std::string Output(const std::string& id, const std::vector<std::string>& args);

 private:
  // Starts a process in a running container.
  std::string Exec(const std::string& id, const std::vector<std::string>& args);

  std::unique_ptr<agent::testing::YamuxBridge> bridge_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::AgentService::Stub> large_frames_;  // over a channel of its own
  std::unique_ptr<grpc::AgentService::Stub> agent_;
  int execs_ = 0;
};

}  // namespace shoji::bench

#endif  // SHOJI_BENCHMARKS_GUEST_AGENT_GUEST_H_

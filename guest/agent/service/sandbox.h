// The one sandbox of the guest: its storages, shared namespaces and containers.
//
// Threads  The loop's.
// Example  Sandbox sandbox(context, prepare); sandbox.Create(request);
#ifndef SHOJI_GUEST_AGENT_SERVICE_SANDBOX_H_
#define SHOJI_GUEST_AGENT_SERVICE_SANDBOX_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "service/container.h"
#include "service/machine.h"
#include "service/shared_namespaces.h"
#include "service/storage.h"
#include "shoji-kata/agent.pb.h"
#include "shoji/status.h"

namespace shoji::agent {

class Sandbox {
 public:
  using Done = Container::Done;

  Sandbox(const Context& context, Machine machine)
      : context_(context), prepare_(std::move(machine.prepare)), storages_(machine.need) {}
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // ALREADY_EXISTS the second time; a failure leaves nothing behind.
  Status Create(const grpc::CreateSandboxRequest& request);
  // Containers, storages, name service, namespaces; success when there is no sandbox.
  void Destroy(Done done);

  Status CreateContainer(const grpc::CreateContainerRequest& request);
  // `done` hears once when the container is gone; NOT_FOUND for an unknown one.
  void RemoveContainer(const std::string& id, Done done);
  Result<Container*> Find(const std::string& id);

 private:
  struct Entry {
    std::unique_ptr<Container> container;
    Storages::MountPoints mounts;
  };

  Status Check(const grpc::CreateContainerRequest& request) const;
  Result<jail::Environment> EnvironmentFor(const grpc::CreateContainerRequest& request) const;
  Status SetNameService(const grpc::CreateSandboxRequest& request);
  Status Removed(const std::string& id, Status status);
  Status DestroyRest();

  Context context_;
  std::function<Status()> prepare_;
  bool created_ = false;
  bool name_service_ = false;
  Storages storages_;
  Storages::MountPoints mounts_;
  std::unique_ptr<SharedNamespaces> namespaces_;
  std::map<std::string, Entry> containers_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_SANDBOX_H_

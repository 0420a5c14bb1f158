// The one sandbox of the guest: its storages, shared namespaces and containers.
//
// Threads  The loop's.
// Example  Sandbox sandbox(context, machine); sandbox.Create(request);
#ifndef SHOJI_GUEST_AGENT_SERVICE_SANDBOX_H_
#define SHOJI_GUEST_AGENT_SERVICE_SANDBOX_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "service/awaiting.h"
#include "service/container.h"
#include "service/hooks.h"
#include "service/machine.h"
#include "service/oom_events.h"
#include "service/shared_namespaces.h"
#include "service/storage.h"
#include "shoji-kata/agent.pb.h"
#include "shoji/status.h"

namespace shoji::agent {

class Sandbox {
 public:
  using Done = Container::Done;

  // `oom` is borrowed.
  Sandbox(const Context& context, Machine machine, OomEvents* oom)
      : context_(context),
        machine_(std::move(machine)),
        oom_(oom),
        hook_runner_(context.loop, context.reaper),
        storages_(machine_.need, machine_.devices.sys) {}
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // Whether it could be created now.
  Status CheckCreate() const;
  // ALREADY_EXISTS the second time; a failure leaves nothing behind. Disks are named by their
  // nodes here and in CreateContainer.
  Status Create(const grpc::CreateSandboxRequest& request);
  // Containers, storages, name service, namespaces; success when there is no sandbox.
  void Destroy(Done done);

  // Whether a container could be made of it now.
  Status Check(const grpc::CreateContainerRequest& request) const;
  // `done` hears once when the guest's hooks have run, too; after a failure the container is
  // gone.
  void CreateContainer(const grpc::CreateContainerRequest& request, Done done);
  void StartContainer(const std::string& id, Done done);
  // The caller waits no longer: what is being made or started is killed.
  void GiveUpCreate(const std::string& id);
  void GiveUpStart(const std::string& id);
  // `done` hears once when the container is gone; NOT_FOUND for an unknown one.
  void RemoveContainer(const std::string& id, Done done);
  Result<Container*> Find(const std::string& id);

 private:
  struct Entry {
    std::unique_ptr<Container> container;
    Storages::MountPoints mounts;
    grpc::Spec described;      // what hooks are told: version, root, annotations
    std::uint64_t making = 0;  // its first hooks run: a number of its own; else 0
  };

  // A container that is not there yet.
  struct Making {
    std::unique_ptr<Awaiting<jail::Container::Made>> awaiting;
    Entry entry;
    std::string init_id;
    Done done;
  };

  Status MakeContainer(const grpc::CreateContainerRequest& request, const Done& done);
  void Made(const std::string& id, Result<jail::Container::Made> made);
  void Keep(const std::string& id, Making making, jail::Container::Made made);
  void RunFirstHooks(const std::string& id, const Done& done);
  void GiveUpCreate(const std::string& id, const Status& why);
  void Release(const Storages::MountPoints& mounts);
  std::string StateOf(const std::string& id, const std::string& status, int pid) const;
  Status LoadModules(const grpc::CreateSandboxRequest& request) const;
  Result<jail::Environment> EnvironmentFor(const grpc::CreateContainerRequest& request) const;
  Status SetNameService(const grpc::CreateSandboxRequest& request);
  void Removed(const std::string& id, const Status& status, const Done& done);
  Status DestroyRest();

  Context context_;
  Machine machine_;
  OomEvents* oom_;
  HookRunner hook_runner_;
  GuestHooks hooks_;
  std::uint64_t last_making_ = 0;
  bool created_ = false;
  bool name_service_ = false;
  Storages storages_;
  Storages::MountPoints mounts_;
  std::unique_ptr<SharedNamespaces> namespaces_;
  std::map<std::string, Entry> containers_;
  std::map<std::string, Making> makings_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_SANDBOX_H_

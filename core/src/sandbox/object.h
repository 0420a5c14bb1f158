// One sandbox, as this process sees it: behind shoji::Sandbox and shoji::Runtime.
//
// Purpose  The record in the store is the truth; this object adds what only a process can
//          have: the way to the guest and the ownership. Every change takes the lock of
//          the sandbox, reads the record, works, and writes it back, so that objects in
//          several processes agree.
// Threads  Safe.
// Files    create.cc (making and booting), containers.cc, processes.cc, io.cc,
//          lifecycle.cc (start, stop, delete, release), guest.cc (reaching the guest),
//          host_side.cc (control group and hooks on the host).
// Example  SHOJI_ASSIGN_OR_RETURN(auto sandbox, SandboxObject::Fetch(context, "web"));
#ifndef SHOJI_CORE_SANDBOX_OBJECT_H_
#define SHOJI_CORE_SANDBOX_OBJECT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metadata/record.h"
#include "plugin/interfaces.h"
#include "sandbox/context.h"
#include "sandbox/link.h"
#include "sandbox/lock.h"
#include "sandbox/paths.h"
#include "sandbox/share.h"
#include "sandbox/undo.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/sandbox.h"
#include "shoji/status.h"

namespace shoji {

class SandboxObject {
 public:
  static Result<std::shared_ptr<SandboxObject>> Create(const std::shared_ptr<Context>& context,
                                                       const SandboxConfig& config);
  static Result<std::shared_ptr<SandboxObject>> Fetch(const std::shared_ptr<Context>& context,
                                                      const std::string& id);
  // Also for a sandbox whose record is damaged; only Delete() may follow.
  static Result<std::shared_ptr<SandboxObject>> FetchToDelete(
      const std::shared_ptr<Context>& context, const std::string& id);
  ~SandboxObject();
  SandboxObject(const SandboxObject&) = delete;
  SandboxObject& operator=(const SandboxObject&) = delete;

  const std::string& id() const { return id_; }

  Status Start();
  Status Stop(bool force);
  Status Delete();
  Status Release();

  // -- operations.cc, snapshot.cc
  Status Pause();
  Status Resume();
  Status Save(const std::string& dir);
  static Result<std::shared_ptr<SandboxObject>> Restore(const std::shared_ptr<Context>& context,
                                                        const std::string& id,
                                                        const std::string& dir);
  Result<SandboxStats> Stats();
  Status PauseContainer(const std::string& container_id);
  Status ResumeContainer(const std::string& container_id);
  Result<ContainerStats> StatsContainer(const std::string& container_id);
  Result<std::string> ProcessListContainer(const std::string& container_id,
                                           const std::string& format,
                                           const std::vector<std::string>& args);
  // -- monitor.cc
  Result<std::unique_ptr<SandboxMonitor>> Monitor();
  // -- resources.cc
  Status UpdateContainer(const std::string& container_id, const Resources& resources);
  // -- devices.cc
  Result<DeviceStatus> AddDevice(const DeviceInfo& device);
  Status RemoveDevice(const std::string& device_id);
  Status LimitDevice(const std::string& device_id, const std::optional<DiskLimits>& limits);
  // -- storages.cc
  Result<StorageStatus> AddStorage(const StorageInfo& storage);
  Status RemoveStorage(const std::string& storage_id);
  // -- interfaces.cc
  Result<InterfaceInfo> AddInterface(const InterfaceInfo& interface);
  Status RemoveInterface(const std::string& name);
  Status LimitInterface(const std::string& name, const std::optional<InterfaceLimits>& limits);
  Result<std::vector<InterfaceInfo>> ListInterfaces();
  Result<std::vector<Route>> UpdateRoutes(const std::vector<Route>& routes);
  Result<std::vector<Route>> ListRoutes();

  Result<ContainerStatus> CreateContainer(const ContainerConfig& config);
  Status DeleteContainer(const std::string& container_id);
  Status StartContainer(const std::string& container_id);
  Status StopContainer(const std::string& container_id, bool force);
  Result<ContainerStatus> StatusContainer(const std::string& container_id);
  Result<std::string> EnterContainer(const std::string& container_id, const Cmd& cmd);
  Status KillContainer(const std::string& container_id, int signal, bool all);

  Result<std::int32_t> WaitProcess(const ProcessRef& process);
  // One process, or with an empty exec id every process of the container.
  Status SignalOne(const ProcessRef& process, int signal);
  Status WinsizeProcess(const ProcessRef& process, std::uint16_t rows, std::uint16_t columns);
  Result<std::unique_ptr<ProcessIo>> IOStream(const ProcessRef& process);

 private:
  // The lock of the sandbox and its record as read under it.
  struct Session {
    FileLock lock;
    SandboxRecord record;
  };
  SandboxObject(std::shared_ptr<Context> context, std::string id);

  // -- lifecycle.cc
  Result<Session> Begin(LockMode mode);
  Result<FileLock> Lock(LockMode mode);
  Status SaveRecord(const SandboxRecord& record);
  Status StopLocked(SandboxRecord& record, bool force);
  Status Teardown(SandboxRecord& record, bool force);
  Status Restart(SandboxRecord& record, UndoStack& undo);
  Status StartReady(SandboxRecord& record, UndoStack& undo);
  Status StopContainers(SandboxRecord& record, bool force);
  void DropOwnership() SHOJI_EXCLUDES(mutex_);

  // -- create.cc
  Result<FileLock> Claim(UndoStack& undo) SHOJI_EXCLUDES(mutex_);
  // For a directory that is there already: ALREADY_EXISTS, or it is garbage and removed.
  Status RemoveLeftover();
  SandboxRecord NewRecord(const SandboxConfig& config) const;
  Status CheckContainerIds(const SandboxConfig& config);
  // A VM with every container of `configs` in state ready; fills `record`.
  Status Boot(SandboxRecord& record, const std::vector<ContainerConfig>& configs, UndoStack& undo);
  Result<std::vector<ContainerRecord>> ShareContainers(const SandboxRecord& record,
                                                       const std::vector<ContainerConfig>& configs);
  Result<NewVm> MakeVm(const SandboxRecord& record, const CancelEvent& cancel);
  Status AdoptVm(SandboxRecord& record, NewVm made, UndoStack& undo);
  Status CreateInAgent(const SandboxRecord& record, Link& link);

  // -- containers.cc
  // Shares rootfs and volumes; nothing of the guest is touched.
  Result<ContainerRecord> ShareContainer(const SandboxRecord& record,
                                         const ContainerConfig& config);
  Result<std::string> GuestSpec(const SandboxRecord& record, const ContainerRecord& container);
  Status CreateInGuest(const SandboxRecord& record, ContainerRecord& container, Link& link,
                       UndoStack& undo);
  Status StartShim(const SandboxRecord& record, ContainerRecord& container, Link& link,
                   UndoStack& undo);
  void StopShim(const SandboxRecord& record, const ContainerRecord& container);
  Status StartInGuest(const SandboxRecord& record, ContainerRecord& container, Link& link);
  Status StopInGuest(ContainerRecord& container, Link& link, bool force);
  // The container's state when its init process may have ended by itself.
  void Refresh(ContainerRecord& container, Link& link);
  Status RunningSandbox(const SandboxRecord& record, const std::string& what) const;

  // -- host_side.cc
  // The control group on the host, when one is configured; fills record.host_cgroup.
  Status MakeCgroup(SandboxRecord& record, UndoStack& undo);
  // Moves every process of the sandbox into it.
  Status JoinCgroup(const SandboxRecord& record);
  Status RemoveCgroup(SandboxRecord& record);
  // OCI poststop hooks of a container that is gone, if its prestart hooks ran.
  void RunPoststop(const SandboxRecord& record, ContainerRecord& container);

  // -- guest.cc
  // The way to the guest of the VM that `record` names, made if need be.
  Result<std::shared_ptr<Link>> Connect(const SandboxRecord& record) SHOJI_EXCLUDES(mutex_);
  Result<std::shared_ptr<Vm>> AttachVm(const SandboxRecord& record) SHOJI_EXCLUDES(mutex_);
  Result<std::shared_ptr<Vm>> AttachVmLocked(const SandboxRecord& record) SHOJI_REQUIRES(mutex_);
  // Ends calls to the guest and drops the handles.
  void CloseLink(bool stop_proxy) SHOJI_EXCLUDES(mutex_);
  Status DestroyVm(const SandboxRecord& record, bool force) SHOJI_EXCLUDES(mutex_);
  void DropVm() SHOJI_EXCLUDES(mutex_);
  void SetEnded(std::uint64_t boot) SHOJI_EXCLUDES(mutex_);
  // An empty exec id: every process of the container.
  Status Signal(const ProcessRef& process, int signal);
  Result<std::shared_ptr<Link>> ConnectFor(const ProcessRef& process);
  void NoteExit(const std::string& container_id, std::int64_t started_unix_ns);

  std::string Name() const { return "sandbox \"" + id_ + "\""; }

  const std::shared_ptr<Context> context_;  // first: outlives everything below
  const std::string id_;
  const SandboxPaths paths_;
  Share share_;
  Mutex mutex_;
  FileLock owner_ SHOJI_GUARDED_BY(mutex_);
  std::shared_ptr<Vm> vm_ SHOJI_GUARDED_BY(mutex_);
  std::shared_ptr<Link> link_ SHOJI_GUARDED_BY(mutex_);
  std::uint64_t boot_ SHOJI_GUARDED_BY(mutex_) = 0;        // SandboxRecord::boot of vm_ and link_
  std::uint64_t ended_boot_ SHOJI_GUARDED_BY(mutex_) = 0;  // its VM was ended through us
};

// Whether the VM of a record lives, by its processes; asks no plugin.
bool VmLives(const SandboxRecord& record);
// The state, except that what needs a VM and has none is stopped.
State EffectiveState(const SandboxRecord& record);
ContainerStatus StatusOf(const SandboxRecord& record, const ContainerRecord& container);
SandboxStatus StatusOf(const SandboxRecord& record, std::int32_t owner_pid);
// NOT_FOUND names container and sandbox.
Result<ContainerRecord*> FindContainer(SandboxRecord& record, const std::string& container_id);

std::int64_t UnixNanos();

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_OBJECT_H_

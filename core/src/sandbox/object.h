// One sandbox, as this process sees it: behind shoji::Sandbox and shoji::Runtime.
//
// Purpose  The record in the store is the truth; this object adds what only a process can
//          have: the way to the guest and the ownership. Every change takes the lock of
//          the sandbox, reads the record, works, and writes it back, so that objects in
//          several processes agree.
// Threads  Safe.
// Files    create.cc (making and booting), containers.cc, processes.cc, shims.cc, execs.cc, io.cc,
//          lifecycle.cc (start, stop, delete, release), operations.cc (pause, resume,
//          statistics), snapshot.cc, monitor.cc, guest.cc (reaching the guest), devices.cc,
//          storages.cc, network.cc (joining), interfaces.cc, resources.cc, host_side.cc (control
//          group and hooks on the host).
// Example  SHOJI_ASSIGN_OR_RETURN(auto sandbox, SandboxObject::Fetch(context, "web"));
#ifndef SHOJI_CORE_SANDBOX_OBJECT_H_
#define SHOJI_CORE_SANDBOX_OBJECT_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/lock.h"
#include "host/paths.h"
#include "host/share.h"
#include "host/undo.h"
#include "metadata/record.h"
#include "oci/oci_process.h"
#include "plugin/interfaces.h"
#include "sandbox/context.h"
#include "sandbox/link.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/sandbox.h"
#include "shoji/status.h"

namespace shoji {

class SandboxWatch;

// What the guest has to end the processes of a container that it removes.
inline constexpr std::uint32_t kRemoveSeconds = 10;

class SandboxObject : public std::enable_shared_from_this<SandboxObject> {
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

  // `again`: after a failure what was to be started can be started again.
  Status Start(bool again = true);
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
  Result<std::int32_t> ShimPid(const ProcessRef& process);
  Status WinsizeProcess(const ProcessRef& process, std::uint16_t rows, std::uint16_t columns);
  Result<std::unique_ptr<ProcessIo>> IOStream(const ProcessRef& process);

 private:
  friend class SandboxWatch;
  // The lock of the sandbox and its record as read under it.
  struct Session {
    FileLock lock;
    SandboxRecord record;
  };
  // The network of a sandbox that is being made.
  struct Joined {
    std::shared_ptr<NetworkLink> link;  // null: there is no network
    std::vector<Nic> nics;
    std::string state;  // of the link, for the record
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
  // What a failed Start() had touched: ready again, with a new init.
  void MakeReadyAgain(const SandboxRecord& record, ContainerRecord& container);
  void DropOwnership() SHOJI_EXCLUDES(mutex_);

  // -- operations.cc
  // Between running and paused, with the record; as before on failure.
  Status PauseVm(SandboxRecord& record, Vm& vm);
  Status ResumeVm(SandboxRecord& record, Vm& vm);
  // A guest that stood still gets the right time and fresh random numbers.
  Status WakeGuest(Link& link);
  // FAILED_PRECONDITION when the guest cannot answer, for it is paused.
  Status NotPaused(const SandboxRecord& record, const std::string& what) const;
  // The way to a container that is one of `wanted` in a sandbox that runs; no lock.
  Result<std::shared_ptr<Link>> ConnectTo(const std::string& container_id, const std::string& what,
                                          std::initializer_list<State> wanted);
  // One way or the other, in guest and record.
  Status FreezeContainer(const std::string& container_id, State from, State to);

  // -- snapshot.cc
  struct Snapshot;
  Status WriteSnapshot(SandboxRecord& record, Vm& vm, const std::string& dir);
  Status RestoreFrom(const Snapshot& snapshot, SandboxRecord& record, UndoStack& undo);
  Result<NewVm> RestoreVm(const Snapshot& snapshot, const SandboxRecord& record);
  Status RestoreContainers(SandboxRecord& record, Link& link, UndoStack& undo);

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
  // What a factory says of the VM it gave (NewVm).
  struct VmOrigin {
    bool cloned = false;
    bool held = false;
    std::uint32_t boot_vcpus = 0;
    std::uint64_t boot_memory_bytes = 0;
  };
  Result<std::vector<ContainerRecord>> ShareAnew(const SandboxRecord& record,
                                                 const std::vector<ContainerConfig>& configs);
  Status FitSize(SandboxRecord& record, const VmOrigin& origin, Link& link);
  Result<VmConfig> VmConfigOf(const SandboxRecord& record) const;
  Result<NewVm> MakeVm(const SandboxRecord& record, const CancelEvent& cancel, Joined& joined);
  Status AdoptVm(SandboxRecord& record, NewVm made, UndoStack& undo);
  Status CreateInAgent(const SandboxRecord& record, Link& link);

  // -- devices.cc
  // Those that the VM has from the start.
  static std::vector<VmDevice> BootDevices(const SandboxRecord& record,
                                           const std::vector<Nic>& nics);
  // Looks for what lies on the host, before anything is done with it.
  static Status CheckOnHost(const DeviceInfo& device);
  // Asks where the guest finds each device; attaches those that the VM did not boot with.
  Status ConfirmDevices(SandboxRecord& record, Vm& vm);
  // VM and record together; undone when the record cannot be written.
  // Those of a specification, and their end when no container has them any more.
  Status AttachDisks(SandboxRecord& record, const std::vector<DeviceInfo>& disks, UndoStack& undo);
  void DropDisks(SandboxRecord& record, const std::vector<ContainerDevice>& devices);
  Result<DeviceRecord*> Attach(SandboxRecord& record, const DeviceInfo& device, UndoStack& undo);
  Status Detach(const SandboxRecord& record, const DeviceInfo& device, UndoStack& undo);
  Result<std::vector<AgentDevice>> DevicesFor(const SandboxRecord& record,
                                              const ContainerConfig& config) const;
  Status MayAttach(const SandboxRecord& record, const std::string& what) const;

  // -- storages.cc
  // Everything of the host that storages and devices need; the VM may boot meanwhile.
  Status PrepareAttached(const SandboxRecord& record);
  // For CreateSandbox and for CreateContainer.
  Result<std::vector<AgentStorage>> StoragesOfSandbox(const SandboxRecord& record);
  Result<std::vector<AgentStorage>> StoragesFor(const SandboxRecord& record,
                                                const ContainerConfig& config) const;
  Status AddStorageOnHost(const StorageInfo& storage, UndoStack& undo);

  // -- network.cc
  // `joined` is set as soon as there is something to leave, also on failure.
  Status JoinNetwork(const SandboxRecord& record, const CancelEvent& cancel, Joined& joined);
  // Takes over what was joined: into record and object, to be left by `undo`.
  void AdoptNetwork(SandboxRecord& record, const Joined& joined, UndoStack& undo)
      SHOJI_EXCLUDES(mutex_);
  // Sets the guest's side; before CreateSandbox.
  Status ConfigureNetwork(SandboxRecord& record, const Joined& joined, Link& link);
  // Puts `nic` into VM and guest, with what was asked for it.
  Result<InterfaceRecord> ConnectNic(const SandboxRecord& record, NetworkLink& network,
                                     const Nic& nic, const InterfaceInfo& asked, Link& link,
                                     UndoStack& undo);
  Result<std::shared_ptr<NetworkLink>> AttachNetwork(const SandboxRecord& record)
      SHOJI_EXCLUDES(mutex_);
  Status LeaveNetwork(SandboxRecord& record, bool force) SHOJI_EXCLUDES(mutex_);
  Status SaveNetworkState(SandboxRecord& record, NetworkLink& network);
  // The network of a sandbox whose guest answers; FAILED_PRECONDITION when it has none.
  Result<std::shared_ptr<NetworkLink>> NetworkOf(const SandboxRecord& record,
                                                 const std::string& what);

  // -- resources.cc
  struct Size {
    std::uint32_t vcpus = 0;
    std::uint64_t memory_bytes = 0;
  };
  // Of the sandbox with these containers.
  Result<Size> SizeWith(const SandboxRecord& record,
                        const std::vector<const ContainerConfig*>& configs) const;
  Result<Size> SizeOf(const SandboxRecord& record) const;
  // More CPUs and memory up to `size` where the VM can; the guest takes them into use.
  Status Grow(SandboxRecord& record, const Size& size, Link& link, UndoStack& undo);
  // Fewer CPUs; what cannot be taken away stays and is logged.
  void Shrink(SandboxRecord& record, const Size& size);
  Status GrowMemory(SandboxRecord& record, const VmSize& now, std::uint64_t bytes, Link& link,
                    UndoStack& undo);

  // -- containers.cc
  // Shares rootfs and volumes; nothing of the guest is touched.
  Result<ContainerRecord> ShareContainer(const SandboxRecord& record,
                                         const ContainerConfig& config);
  Result<std::string> GuestSpec(const SandboxRecord& record, const ContainerRecord& container);
  Status CreateInGuest(const SandboxRecord& record, ContainerRecord& container, Link& link,
                       UndoStack& undo);
  Status StartInGuest(const SandboxRecord& record, ContainerRecord& container, Link& link);
  // Gives up at `limit`, or when the limit of one call has passed.
  Status StopInGuest(ContainerRecord& container, Link& link, bool force,
                     Deadline limit = Deadline::Never());
  // The container's state when its init process may have ended by itself.
  void Refresh(ContainerRecord& container, Link& link);
  Status RunningSandbox(const SandboxRecord& record, const std::string& what) const;
  // What `cmd` is inside the container.
  Result<OciProcess> ProcessOf(const Cmd& cmd, const ContainerConfig& container,
                               const std::string& hostname);

  // -- shims.cc
  // What a shim has for its process.
  struct ShimStdio {
    bool terminal = false;
    std::string console = {};
    bool detach = false;
  };
  static ShimStdio StdioOf(const ContainerRecord& container) {
    return {container.terminal, container.config.cmd.console, container.config.cmd.detach};
  }
  // Number -1: built in, there is no process.
  Result<ProcessId> StartShim(const SandboxRecord& record, const ProcessRef& process,
                              const ShimStdio& stdio, Link& link);
  void StopShim(const std::string& shim, const ProcessId& process);
  Status RemindShim(const ProcessRef& process, Status otherwise);
  Result<ProcessId> ShimOf(const ProcessRef& process);
  // The exit status of a process whose shim is one.
  Result<std::int32_t> WaitForShim(const ProcessRef& process, const ProcessId& shim, Link& link);
  Result<std::int32_t> AskForExit(const ProcessRef& process, const ProcessId& shim, Link& link);
  Result<std::int32_t> ExitOf(const ProcessRef& process, const ProcessId& shim,
                              const ExitStatus& status, Link& link);
  // Those of the init and of all others.
  void StopShims(const SandboxRecord& record, const ContainerRecord& container);

  // -- host_side.cc
  // The control group on the host, when one is configured; fills record.host_cgroup.
  Status MakeCgroup(SandboxRecord& record, UndoStack& undo);
  // Moves every process of the sandbox into it, and that of a new shim.
  Status JoinCgroup(const SandboxRecord& record, std::int32_t shim_pid = -1);
  Status RemoveCgroup(SandboxRecord& record);
  // OCI poststop hooks of a container that is gone, if its prestart hooks ran.
  void RunPoststop(const SandboxRecord& record, ContainerRecord& container);

  // -- guest.cc
  // The way to the guest of the VM that `record` names, made if need be.
  Result<std::shared_ptr<Link>> Connect(const SandboxRecord& record) SHOJI_EXCLUDES(mutex_);
  Result<std::shared_ptr<Vm>> AttachVm(const SandboxRecord& record) SHOJI_EXCLUDES(mutex_);
  Result<std::shared_ptr<Vm>> AttachVmLocked(const SandboxRecord& record) SHOJI_REQUIRES(mutex_);
  // Ends calls to the guest and drops the handles. `closed_boot`, when not 0: there will be no
  // link to that VM any more, unless Reopen() is called.
  // False: there was none.
  bool CloseLink(bool stop_proxy, std::uint64_t closed_boot = 0) SHOJI_EXCLUDES(mutex_);
  void Reopen() SHOJI_EXCLUDES(mutex_);
  // Where there was no link that would have done it; the agent is not needed for that.
  void StopProxy(const SandboxRecord& record);
  Status DestroyVm(const SandboxRecord& record, bool force) SHOJI_EXCLUDES(mutex_);
  void DropVm() SHOJI_EXCLUDES(mutex_);
  void SetEnded(std::uint64_t boot) SHOJI_EXCLUDES(mutex_);
  Status ResumeToKill(const std::string& container_id);
  // An empty exec id: every process of the container.
  Status Signal(const ProcessRef& process, int signal);
  Status SignalByShim(const ProcessRef& process, int signal) SHOJI_EXCLUDES(mutex_);
  // `answer`: for a call that a paused guest would keep waiting.
  Result<std::shared_ptr<Link>> ConnectFor(const ProcessRef& process, bool answer);
  void NoteExit(const std::string& container_id, std::int64_t started_unix_ns);

  // -- execs.cc: shims of processes that joined a container, in its record.
  Status StartExecShim(Session session, const ProcessRef& process, const ShimStdio& stdio,
                       Link& link);
  Status NoteExec(const ProcessRef& process, std::int64_t started_unix_ns, const ProcessId& shim);
  void NoteExecEnd(const ProcessRef& process);

  // -- guest.cc. For a Link: by the record, for another process may have paused it.
  std::function<bool()> PausedTeller() const;

  std::string Name() const { return "sandbox \"" + id_ + "\""; }

  const std::shared_ptr<Context> context_;  // first: outlives everything below
  const std::string id_;
  const SandboxPaths paths_;
  Share share_;
  LockQueue lock_queue_;  // of paths_.lock
  Mutex mutex_;
  FileLock owner_ SHOJI_GUARDED_BY(mutex_);
  std::shared_ptr<Vm> vm_ SHOJI_GUARDED_BY(mutex_);
  std::shared_ptr<Link> link_ SHOJI_GUARDED_BY(mutex_);
  std::shared_ptr<NetworkLink> network_ SHOJI_GUARDED_BY(mutex_);
  std::string network_state_ SHOJI_GUARDED_BY(mutex_);     // that network_ stands for
  std::uint64_t boot_ SHOJI_GUARDED_BY(mutex_) = 0;        // SandboxRecord::boot of vm_ and link_
  std::uint64_t ended_boot_ SHOJI_GUARDED_BY(mutex_) = 0;  // its VM was ended through us
  // Its VM is about to be ended: who read the record before must not make a link again.
  std::uint64_t closed_boot_ SHOJI_GUARDED_BY(mutex_) = 0;
  std::weak_ptr<SandboxWatch> watch_ SHOJI_GUARDED_BY(mutex_);
};

// Whether the VM of a record lives, by its processes; asks no plugin.
bool VmLives(const SandboxRecord& record);
// The state, except that what needs a VM and has none is stopped.
State EffectiveState(const SandboxRecord& record);
// The same of a container; one that runs in a paused sandbox is paused.
State EffectiveState(const SandboxRecord& record, const ContainerRecord& container);
ContainerStatus StatusOf(const SandboxRecord& record, const ContainerRecord& container);
SandboxStatus StatusOf(const SandboxRecord& record, std::int32_t owner_pid);
// Whether the process on the host is gone that stood for its init; false when there was none.
bool ShimHasEnded(const ContainerRecord& container);
// Until the container's shim has ended: where the agent cannot tell when a process has.
Status AwaitShim(const ContainerRecord& container, Deadline limit);
// NOT_FOUND names container and sandbox.
Result<ContainerRecord*> FindContainer(SandboxRecord& record, const std::string& container_id);

std::int64_t UnixNanos();

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_OBJECT_H_

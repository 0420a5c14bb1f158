// The operation and relay API: one sandbox.
//
// Purpose  Containers and processes in one VM.
// Threads  Every function may be called from any thread. WaitProcess and the streams
//          block; all others return within their time limits. A sandbox whose guest is
//          gone answers UNAVAILABLE instead of hanging.
// Paused   The guest of a paused sandbox answers nothing, so what asks it something fails at
//          once with FAILED_PRECONDITION. WaitProcess and the streams go on waiting; the status,
//          Stats(), Save(), Monitor(), Stop() and Delete() work.
// Ids      A process is named by its container id and a process id, a text: the init
//          process has the container's id, others get one from EnterContainer.
// Example
//     auto io = sandbox->IOStream("web", "web");
//     char buffer[65536];
//     while (auto n = io->ReadStdout(buffer, sizeof(buffer)); n.ok() && *n > 0) ...
#ifndef SHOJI_SANDBOX_H_
#define SHOJI_SANDBOX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/config.h"
#include "shoji/export.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

// The standard streams of a process in the guest. Reading and writing may go on in
// different threads; each stream is for one thread at a time.
class SHOJI_API ProcessIo {
 public:
  virtual ~ProcessIo() = default;
  // Blocks while the process does not read. UNAVAILABLE when it has closed its input or ended.
  virtual Status WriteStdin(std::string_view data) = 0;
  // The process sees end of file. Idempotent.
  virtual Status CloseStdin() = 0;
  // Blocks until there is something; bytes read, 0 at the end.
  virtual Result<std::size_t> ReadStdout(char* buffer, std::size_t size) = 0;
  virtual Result<std::size_t> ReadStderr(char* buffer, std::size_t size) = 0;
  // Makes calls that block, and all later ones, return CANCELLED. From any thread.
  virtual void Cancel() = 0;
};

// Reports failures and ends of one sandbox, each once, as they happen; asks nobody over and
// over. For one thread at a time, except Cancel().
// Told are the ends of containers after the monitor was made, by whomever they were started; an
// end of the VM or of the agent before it is told at once. Each of several monitors gets every
// event, but the guest tells of a container out of memory to one process only. A sandbox that is
// stopped in order, also by another process, tells no end of its VM.
// Holds the sandbox as a handle does, until it is destroyed; Release() cancels it. Destroying it
// ends its threads.
class SHOJI_API SandboxMonitor {
 public:
  virtual ~SandboxMonitor() = default;
  // Readable while Next() has something to tell; borrowed.
  virtual int fd() const = 0;
  // The next event; blocks. CANCELLED after Cancel(), OUT_OF_RANGE after kStopped.
  virtual Result<SandboxEvent> Next() = 0;
  // Makes a call that blocks, and all later ones, return CANCELLED. From any thread.
  virtual void Cancel() = 0;
};

class SHOJI_API Sandbox {
 public:
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  // Drops the handle; see Runtime::~Runtime for what becomes of the VM.
  ~Sandbox();

  const std::string& id() const;

  // Starts all containers that are ready; state becomes running. When one fails, those
  // started by this call are stopped and are ready again, each with a new init, as is the one
  // that failed: a second Start() may succeed. A container that cannot be made anew is stopped.
  // FAILED_PRECONDITION for a sandbox that runs or is paused (Resume() is for that).
  Status Start();
  // Stops containers and VM. Success when stopped already. A paused sandbox goes on for it, so
  // that its containers can end by themselves. With `force` the guest is given three seconds,
  // and a paused one is not asked.
  Status Stop(bool force = false);
  // Stops if need be, removes everything. The object is of no use afterwards.
  Status Delete();
  // Drops our side and lets the guest run on, so that another process may fetch it;
  // garbage collection leaves it alone as long as its VM lives.
  Status Release();
  Result<SandboxStatus> GetStatus();
  // What its VM uses on the host. UNAVAILABLE when it does not run, UNIMPLEMENTED when the
  // hypervisor cannot tell.
  Result<SandboxStats> Stats();
  // Tells of the end of its VM, its agent and its containers.
  Result<std::unique_ptr<SandboxMonitor>> Monitor();

  // Stops the vCPUs: running -> paused. Containers that run show as paused meanwhile; one that
  // PauseContainer() paused is so after Resume(), too. UNIMPLEMENTED when the hypervisor cannot.
  Status Pause();
  // Lets them run again: paused -> running. The guest's clock is set and its random pool
  // reseeded, for it stood still; a guest that refuses runs on all the same (logged).
  Status Resume();
  // Writes the whole state into `dir` (absolute, made or empty) for Runtime::RestoreSandbox();
  // the sandbox is paused meanwhile and afterwards as before. Content of disks is not in it.
  // running or paused only. On failure `dir` is as before. FAILED_PRECONDITION names what cannot
  // be saved: a share that the guest has mounted, a network, a device of the host, and whatever
  // came or went since the VM was made (a disk, vCPUs, memory).
  Status Save(const std::string& dir);

  // Creates a container (state ready). ALREADY_EXISTS, NOT_FOUND (rootfs), ...
  Result<ContainerStatus> CreateContainer(const ContainerConfig& config);
  // ready or stopped only.
  Status DeleteContainer(const std::string& container_id);
  // Runs its init process. Detail "reason" is "command-not-found" or
  // "command-not-executable" when that is why.
  Status StartContainer(const std::string& container_id);
  // Ends its processes: SIGTERM, and SIGKILL after the configured time (at once with force).
  Status StopContainer(const std::string& container_id, bool force = false);
  // Runs another process in a running container; gives its process id. Where shims are
  // processes it has one, which is stopped when WaitProcess() has told its end, or with the
  // container.
  Result<std::string> EnterContainer(const std::string& container_id, const Cmd& cmd);
  // Signals the init process, or every process of the container. Success when it has ended.
  // SIGKILL for the only container of a paused sandbox resumes the sandbox first.
  Status KillContainer(const std::string& container_id, int signal, bool all = false);
  Result<ContainerStatus> StatusContainer(const std::string& container_id);
  // Stops all its processes where they are: running -> paused (RPC PauseContainer).
  Status PauseContainer(const std::string& container_id);
  // paused -> running (RPC ResumeContainer).
  Status ResumeContainer(const std::string& container_id);
  // What it uses, as the guest counts (RPC StatsContainer). running or paused only.
  Result<ContainerStats> StatsContainer(const std::string& container_id);
  // Its processes (RPC ListProcesses). `format` is "json": an array of pids of the guest, or
  // "table": what ps prints with `args`.
  Result<std::string> ProcessListContainer(const std::string& container_id,
                                           const std::string& format = "table",
                                           const std::vector<std::string>& args = {});
  // Other limits (RPC UpdateContainer); the sandbox grows or shrinks with them. On failure
  // the old ones hold.
  Status UpdateContainer(const std::string& container_id, const Resources& resources);

  // -- Devices. Before or after containers exist, from several threads at a time: callers take
  //    turns, in the order in which they came. ALREADY_EXISTS for an id with other content.
  Result<DeviceStatus> AddDevice(const DeviceInfo& device);
  // FAILED_PRECONDITION names a container or storage that uses it. Success when there is none.
  Status RemoveDevice(const std::string& device_id);
  // Other limits of a disk; nothing: none.
  Status LimitDevice(const std::string& device_id, const std::optional<DiskLimits>& limits);
  // A directory is there for the guest when it returns. So is a disk, but a guest mounts only
  // with a sandbox or a container: a block or memory storage is mounted with the first
  // container that uses it, and stays as long as one does. Those of SandboxConfig are mounted
  // with the sandbox and stay as long as it runs.
  Result<StorageStatus> AddStorage(const StorageInfo& storage);
  // FAILED_PRECONDITION names a container that uses it, or says that the guest keeps it as long
  // as the sandbox runs. Success when there is none.
  Status RemoveStorage(const std::string& storage_id);

  // -- Network. Puts the VM behind one more interface of the sandbox' namespace and sets it up
  //    in the guest; when the guest refuses it is taken back.
  Result<InterfaceInfo> AddInterface(const InterfaceInfo& interface);
  // By its name in the namespace. Success when there is none.
  Status RemoveInterface(const std::string& name);
  Status LimitInterface(const std::string& name, const std::optional<InterfaceLimits>& limits);
  // As the guest has them now (RPC ListInterfaces); `name` is that of the host where there is one.
  Result<std::vector<InterfaceInfo>> ListInterfaces();
  // Exactly these routes (RPC UpdateRoutes); gives those the guest has then.
  Result<std::vector<Route>> UpdateRoutes(const std::vector<Route>& routes);
  Result<std::vector<Route>> ListRoutes();

  // Blocks until the process has ended: its exit status, 128 + signal when killed. Read its
  // output to the end first; an exec can be waited for once.
  Result<std::int32_t> WaitProcess(const std::string& container_id, const std::string& process_id);
  // One process, or with `all` every process of the container. Success when it has ended.
  Status SignalProcess(const std::string& container_id, const std::string& process_id, int signal,
                       bool all = false);
  // New size of its terminal, in characters. FAILED_PRECONDITION without one.
  Status WinsizeProcess(const std::string& container_id, const std::string& process_id,
                        std::uint16_t rows, std::uint16_t columns);
  // Host pid of the shim that stands for it, also when that has ended; -1: shims are built in, it
  // has none. A shim that is a process owns the streams: leave IOStream() alone then.
  Result<std::int32_t> ShimPid(const std::string& container_id, const std::string& process_id);
  // Its standard streams; take it once per process.
  Result<std::unique_ptr<ProcessIo>> IOStream(const std::string& container_id,
                                              const std::string& process_id);

 private:
  friend class Runtime;
  class Impl;
  explicit Sandbox(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace shoji

#endif  // SHOJI_SANDBOX_H_

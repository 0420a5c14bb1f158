// One QEMU process and the virtual machine in it.
//
// Threads  As sdk::Vm says. mutex_ guards what calls that may run beside others read.
// Life     Without Destroy() the VM outlives this object; Attach() finds it again.
#ifndef SHOJI_HYPERVISORS_QEMU_VM_H_
#define SHOJI_HYPERVISORS_QEMU_VM_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bus.h"
#include "command_line.h"
#include "monitor.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/qmp/client.h"
#include "shoji/sdk/hypervisor.h"
#include "shoji/sdk/hypervisor_hotplug.h"
#include "shoji/sdk/hypervisor_state.h"
#include "state.h"
#include "tail_reader.h"
#include "virtiofs.h"

namespace shoji::qemu {

class QemuVm : public sdk::Vm {
 public:
  // A VM that Start() will start; `launch.uuid` and everything else is decided.
  QemuVm(const sdk::Host& host, Launch launch);
  // A VM that another handle started; `process` is a pidfd, or none when it is gone, as those
  // of its helpers are.
  QemuVm(const sdk::Host& host, SavedVm saved, UniqueFd process,
         std::vector<UniqueFd> helpers = {});

  Status Start(const sdk::HypervisorCall& call) override;
  Status Stop(const sdk::HypervisorCall& call, bool force) override;
  int WaitFd() override;
  Result<std::vector<std::int32_t>> Pids() override;
  Result<std::string> AgentEndpoint() override;
  Result<std::string> LastWords() override;
  Result<std::string> SaveState() override;
  Status Destroy(const sdk::HypervisorCall& call) override;
  const void* Extension(std::string_view id) override;

  // Optional interfaces: pause, snapshot, console, statistics, shares.
  Status Pause(const sdk::HypervisorCall& call);
  Status Resume(const sdk::HypervisorCall& call);
  Status Save(const sdk::HypervisorCall& call, const std::string& dir, bool shared_memory);
  Status AwaitAgentPort(const sdk::HypervisorCall& call);
  Result<int> OpenConsole(const sdk::HypervisorCall& call);
  Result<sdk::VmStats> Stats(const sdk::HypervisorCall& call);
  Result<std::string> ShareMount(std::string_view tag);

  // Optional interfaces: devices and size.
  Result<std::string> Attach(const sdk::HypervisorCall& call, const sdk::HotplugDevice& device);
  Status Detach(const sdk::HypervisorCall& call, std::string_view id);
  Status LimitBlock(const sdk::HypervisorCall& call, std::string_view id,
                    const sdk::BlockLimits* limits);
  Result<sdk::VmSize> Size(const sdk::HypervisorCall& call);
  Result<sdk::VmSize> SetVcpus(const sdk::HypervisorCall& call, std::uint32_t vcpus);
  Result<sdk::VmSize> SetMemory(const sdk::HypervisorCall& call, std::uint64_t bytes,
                                std::uint64_t block_bytes);

 private:
  struct Process;  // one that is being started

  MachineKind Machine() const;
  std::uint64_t MaxMemory() const;
  bool KnowsDevices() const;

  std::string PathOf(const char* name) const { return run_dir_ + "/" + name; }
  Status Run(Process& process, const QmpLimit& limit);
  Status Connect(Process& process, const QmpLimit& limit);
  Status StartFailed(Process& process, Status cause);
  Status StopQemu(int pidfd, const sdk::HypervisorCall& call, bool force);
  Status AskToQuit(const QmpLimit& limit);
  Status RemoveFiles() const;
  TailReader::OnLine LineLogger() const;
  TailHooks HooksOf(Process& process);

  // UNAVAILABLE when it is gone, FAILED_PRECONDITION when it was not started; QEMU's first.
  Result<std::vector<std::int32_t>> RunningPids();
  // For calls that take turns; the owner's, or the other one.
  Result<Monitor> BorrowMonitor(const QmpLimit& limit);
  // For calls that run beside others.
  Result<Monitor> OtherMonitor(const QmpLimit& limit);
  Status LoadState(const QmpLimit& limit);
  Status StartShares(Process& process);
  Status PrepareMemory(Process& process);
  void HelperEnded(std::size_t helper, int qemu);
  Status EndHelpers();

  const sdk::Host host_;
  const std::string run_dir_;
  std::optional<Launch> launch_;  // none in an attached handle
  std::unique_ptr<QmpClient> qmp_;

  mutable Mutex mutex_;
  SavedVm saved_ SHOJI_GUARDED_BY(mutex_);
  UniqueFd pidfd_ SHOJI_GUARDED_BY(mutex_);
  std::vector<UniqueFd> helpers_ SHOJI_GUARDED_BY(mutex_);  // pidfds
  std::string helper_words_ SHOJI_GUARDED_BY(mutex_);       // why the VM was ended
  std::shared_ptr<TailReader> tail_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_VM_H_

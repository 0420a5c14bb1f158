// One agent without a VM, and the keeper that looks after it.
//
// Threads  As sdk::Vm says. mutex_ guards what calls that may run beside others read.
// Life     Without Destroy() the agent outlives this object; Attach() finds it again.
#ifndef SHOJI_HYPERVISORS_PROCESS_VM_H_
#define SHOJI_HYPERVISORS_PROCESS_VM_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options.h"
#include "shoji/base/deadline.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/keeper/message.h"
#include "shoji/sdk/hypervisor.h"
#include "shoji/sdk/hypervisor_hotplug.h"
#include "shoji/sdk/hypervisor_state.h"
#include "shoji/sdk/spawn.h"
#include "state.h"

namespace shoji::process {

class ProcessVm : public sdk::Vm {
 public:
  ProcessVm(const sdk::Host& host, const Options& options, sdk::VmConfig config);
  // One that another handle started; `keeper` is a pidfd, or none when it is gone.
  ProcessVm(const sdk::Host& host, SavedVm saved, UniqueFd keeper);

  Status Start(const sdk::HypervisorCall& call) override;
  Status Stop(const sdk::HypervisorCall& call, bool force) override;
  int WaitFd() override;
  Result<std::vector<std::int32_t>> Pids() override;
  Result<std::string> AgentEndpoint() override;
  Result<std::string> LastWords() override;
  Result<std::string> SaveState() override;
  Status Destroy(const sdk::HypervisorCall& call) override;
  const void* Extension(std::string_view id) override;

  // shoji.hypervisor.hotplug/1 and shares/1
  Result<std::string> Attach(const sdk::HypervisorCall& call, const sdk::HotplugDevice& device);
  Status Detach(const sdk::HypervisorCall& call, std::string_view id);
  Status LimitBlock(const sdk::HypervisorCall& call, std::string_view id,
                    const sdk::BlockLimits* limits);
  Result<std::string> ShareMount(std::string_view tag);

  // pause/1, console/1, stats/1
  Status Pause(const sdk::HypervisorCall& call);
  Status Resume(const sdk::HypervisorCall& call);
  Result<int> OpenConsole(const sdk::HypervisorCall& call);
  Result<sdk::VmStats> Stats(const sdk::HypervisorCall& call);

 private:
  std::string PathOf(const char* name) const { return run_dir_ + "/" + name; }
  SavedVm saved() const SHOJI_EXCLUDES(mutex_);
  bool Runs() SHOJI_EXCLUDES(mutex_);
  std::vector<std::string> Arguments(const SavedVm& vm) const;
  Result<pid_t> Launch(const sdk::HypervisorCall& call, const SavedVm& vm, sdk::Process* keeper);
  Status StartFailed(const sdk::Process& keeper, const SavedVm& vm, const Status& cause);
  Status AttachAtStart(const sdk::HypervisorCall& call);
  Result<keeper::Message> Ask(const sdk::HypervisorCall& call,
                              const std::vector<std::string>& request,
                              const std::vector<int>& fds = {});
  Status Freeze(const sdk::HypervisorCall& call, bool frozen);
  Status RemoveFiles() const;
  Status RemoveGroup(const std::string& cgroup) const;

  const sdk::Host host_;
  const std::string run_dir_;
  const std::string program_;                  // empty in an attached handle
  const std::optional<sdk::VmConfig> config_;  // none in an attached handle

  mutable Mutex mutex_;
  SavedVm saved_ SHOJI_GUARDED_BY(mutex_);
  UniqueFd keeper_ SHOJI_GUARDED_BY(mutex_);  // pidfd
};

}  // namespace shoji::process

#endif  // SHOJI_HYPERVISORS_PROCESS_VM_H_

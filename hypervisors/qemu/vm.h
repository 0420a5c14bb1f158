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

#include "command_line.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/qmp/client.h"
#include "shoji/sdk/hypervisor.h"
#include "state.h"
#include "tail_reader.h"

namespace shoji::qemu {

class QemuVm : public sdk::Vm {
 public:
  // A VM that Start() will start; `launch.uuid` and everything else is decided.
  QemuVm(const sdk::Host& host, Launch launch);
  // A VM that another handle started; `process` is a pidfd, or none when it is gone.
  QemuVm(const sdk::Host& host, SavedVm saved, UniqueFd process);

  Status Start(const sdk::HypervisorCall& call) override;
  Status Stop(const sdk::HypervisorCall& call, bool force) override;
  int WaitFd() override;
  Result<std::vector<std::int32_t>> Pids() override;
  Result<std::string> AgentEndpoint() override;
  Result<std::string> LastWords() override;
  Result<std::string> SaveState() override;
  Status Destroy(const sdk::HypervisorCall& call) override;

 private:
  struct Process;  // one that is being started

  std::string PathOf(const char* name) const { return run_dir_ + "/" + name; }
  Status Run(Process& process, const QmpLimit& limit);
  Status Connect(Process& process, const QmpLimit& limit);
  Status StartFailed(Process& process, Status cause);
  Status AskToQuit(const QmpLimit& limit);
  Status RemoveFiles() const;
  TailReader::OnLine LineLogger() const;

  const sdk::Host host_;
  const std::string run_dir_;
  std::optional<Launch> launch_;  // none in an attached handle
  std::unique_ptr<QmpClient> qmp_;

  mutable Mutex mutex_;
  SavedVm saved_ SHOJI_GUARDED_BY(mutex_);
  UniqueFd pidfd_ SHOJI_GUARDED_BY(mutex_);
  std::shared_ptr<TailReader> tail_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_VM_H_

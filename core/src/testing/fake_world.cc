#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

#include "host/liveness.h"
#include "host/mount.h"
#include "plugin/error.h"
#include "plugin/slots.h"
#include "shoji/base/file.h"
#include "shoji/base/private_mounts.h"
#include "shoji/base/strings.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/spawn/spawn.h"
#include "testing/fake_parts.h"

namespace shoji::testing {

FakeWorld::FakeWorld(std::string dir)
    : dir_(std::move(dir)),
      oom_fd_(eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE)),
      lost_fd_(eventfd(0, EFD_CLOEXEC)) {}

void FakeWorld::HangAt(const std::string& slot) {
  const MutexLock lock(mutex_);
  hang_.insert(slot);
}
bool FakeWorld::Hangs(const std::string& slot) {
  const bool waits = slot == "agent.wait_process" || slot == "agent.read_stdout";  // in any case
  const MutexLock lock(mutex_);
  return (!paused_.empty() && !waits) || hang_.count(slot) != 0;
}
void FakeWorld::SetPaused(std::int32_t pid, bool paused) {
  const MutexLock lock(mutex_);
  if (paused) {
    paused_.insert(pid);
  } else {
    paused_.erase(pid);
  }
}
bool FakeWorld::IsPaused(std::int32_t pid) {
  const MutexLock lock(mutex_);
  return paused_.count(pid) != 0;
}
void FakeWorld::Without(const std::string& interface_id) {
  const MutexLock lock(mutex_);
  without_.insert(interface_id);
}
bool FakeWorld::Offers(const std::string& interface_id) {
  const MutexLock lock(mutex_);
  return without_.count(interface_id) == 0;
}
void FakeWorld::SetSilence(const shoji_silence& silence) {
  const MutexLock lock(mutex_);
  silence_ = silence;
}

bool FakeWorld::IsExcused() {
  shoji_silence silence{};
  {
    const MutexLock lock(mutex_);
    silence = silence_;
  }
  return silence.paused != nullptr && silence.paused(silence.ctx) != 0;
}

void FakeWorld::Note(const std::string& slot, const std::string& text) {
  const MutexLock lock(mutex_);
  noted_[slot] = text;
}
std::string FakeWorld::Noted(const std::string& slot) {
  const MutexLock lock(mutex_);
  return noted_[slot];
}
void FakeWorld::RunOut(const std::string& container) {
  const MutexLock lock(mutex_);
  oom_.push_back(container);
  eventfd_write(oom_fd_.get(), 1);
}
std::string FakeWorld::NextOom() {
  const MutexLock lock(mutex_);
  eventfd_t count = 0;
  eventfd_read(oom_fd_.get(), &count);
  std::string out = oom_.front();
  oom_.pop_front();
  return out;
}
void FakeWorld::LoseAgent() { eventfd_write(lost_fd_.get(), 1); }
void FakeWorld::NewProcess(const std::string& container, const std::string& process) {
  eventfd_t count = 0;
  eventfd_read(ExitFd(container, process), &count);
}

void FakeWorld::FailAt(const std::string& slot, int nth) {
  const MutexLock lock(mutex_);
  fail_[slot] = calls_[slot] + nth;
}
void FakeWorld::DieAt(const std::string& slot) {
  const MutexLock lock(mutex_);
  die_ = slot;
}
void FakeWorld::Heal() {
  const MutexLock lock(mutex_);
  fail_.clear();
  hang_.clear();
  without_.clear();
}
void FakeWorld::OnEnter(const std::string& slot, std::function<void()> hook) {
  const MutexLock lock(mutex_);
  hooks_[slot] = std::move(hook);
}
std::int32_t FakeWorld::Enter(const std::string& slot, shoji_error* error) {
  std::function<void()> hook;
  {
    const MutexLock lock(mutex_);
    if (const auto it = hooks_.find(slot); it != hooks_.end()) hook = it->second;
  }
  if (hook) hook();
  const MutexLock lock(mutex_);
  const int call = ++calls_[slot];
  if (die_ == slot) kill(getpid(), SIGKILL);
  const auto it = fail_.find(slot);
  if (it == fail_.end() || call < it->second) return SHOJI_OK;
  return Fail(error, SHOJI_INTERNAL, "scripted failure of " + slot);
}
int FakeWorld::Count(const std::string& slot) {
  const MutexLock lock(mutex_);
  return calls_[slot];
}
void FakeWorld::Made(const std::string& kind) {
  const MutexLock lock(mutex_);
  ++live_[kind];
}
void FakeWorld::Gone(const std::string& kind) {
  const MutexLock lock(mutex_);
  --live_[kind];
}
int FakeWorld::Live(const std::string& kind) {
  const MutexLock lock(mutex_);
  return live_[kind];
}
int FakeWorld::ExitFd(const std::string& container, const std::string& process) {
  const MutexLock lock(mutex_);
  UniqueFd& fd = exits_[container + "/" + process];
  if (!fd) fd.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return fd.get();
}
// Ends with 7 when the other end of its input is closed.
Status FakeWorld::StartShim(const shoji_shim_params& params, std::int32_t* pid) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return ErrnoStatus(errno, "pipe");
  const UniqueFd in(ends[0]);
  UniqueFd hold(ends[1]);
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", "read word; exit 7"};
  options.fds = {{in.get(), 0}};
  options.env = {"SHOJI_SANDBOX_DIR=" + root() + "/sandboxes/" + Text(params.sandbox_id)};
  SHOJI_ASSIGN_OR_RETURN(const Child child, Spawn(options));
  *pid = child.pid();  // it runs on
  const MutexLock lock(mutex_);
  ++live_["shim"];
  const std::string name = Text(params.container_id) + "/" + Text(params.exec_id);
  shims_[name] = {child.pid(), std::move(hold)};
  return OkStatus();
}

void FakeWorld::StopShim(std::int32_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);  // unless the core has reaped it
  const MutexLock lock(mutex_);
  for (auto it = shims_.begin(); it != shims_.end(); ++it) {
    if (it->second.pid != pid) continue;
    shims_.erase(it);
    --live_["shim"];
    return;
  }
}

void FakeWorld::EndShim(const std::string& name) {
  if (shims_.erase(name) > 0) --live_["shim"];
}

void FakeWorld::EndProcess(const std::string& container, const std::string& process) {
  eventfd_write(ExitFd(container, process), 1);
  const MutexLock lock(mutex_);
  EndShim(container + "/" + process);
}
void FakeWorld::NoteSpec(const std::string& container, const std::string& spec) {
  const MutexLock lock(mutex_);
  specs_[container] = spec;
}
std::string FakeWorld::Spec(const std::string& container) {
  const MutexLock lock(mutex_);
  return specs_[container];
}

}  // namespace shoji::testing

// C tables of every kind for tests: a store in files, VMs that are sleeping processes, an
// agent that remembers. Each slot can be told to fail or to kill the calling process.
//
// Threads  Safe.
// Example
//     FakeWorld world(dir);
//     world.FailAt("agent.create_container");
//     auto context = MakeFakeContext(world);
#ifndef SHOJI_CORE_TESTING_FAKE_PLUGINS_H_
#define SHOJI_CORE_TESTING_FAKE_PLUGINS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sandbox/context.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "shoji/plugin/base.h"
#include "testing/fake_hotplug.h"

namespace shoji::testing {

class FakeWorld {
 public:
  // `dir`: existing; the root is dir + "/root", the store dir + "/store".
  explicit FakeWorld(std::string dir);

  const std::string& dir() const { return dir_; }
  std::string root() const { return dir_ + "/root"; }

  // The slot ("vm.save_state") fails with INTERNAL from its `nth` call on (1 = first).
  void FailAt(const std::string& slot, int nth = 1) SHOJI_EXCLUDES(mutex_);
  // The process ends by SIGKILL when the slot is called, before it does anything.
  void DieAt(const std::string& slot) SHOJI_EXCLUDES(mutex_);
  void Heal() SHOJI_EXCLUDES(mutex_);
  // Called, without any lock, whenever the slot is called; nothing: no more.
  void OnEnter(const std::string& slot, std::function<void()> hook) SHOJI_EXCLUDES(mutex_);
  void use_transactions(bool on) { transactions_ = on; }
  bool transactions() const { return transactions_; }

  // Called by every slot: notes it, fails or dies. SHOJI_OK to go on.
  std::int32_t Enter(const std::string& slot, shoji_error* error) SHOJI_EXCLUDES(mutex_);
  int Count(const std::string& slot) SHOJI_EXCLUDES(mutex_);

  FakeMachine& machine() { return machine_; }
  // The slot of the agent does not answer until its time is over or it is cancelled; so do all
  // of them while a VM is paused.
  void HangAt(const std::string& slot) SHOJI_EXCLUDES(mutex_);
  bool Hangs(const std::string& slot) SHOJI_EXCLUDES(mutex_);
  void SetPaused(std::int32_t pid, bool paused) SHOJI_EXCLUDES(mutex_);
  bool IsPaused(std::int32_t pid) SHOJI_EXCLUDES(mutex_);

  // Optional interfaces by their ids that are not offered.
  void Without(const std::string& interface_id) SHOJI_EXCLUDES(mutex_);
  bool Offers(const std::string& interface_id) SHOJI_EXCLUDES(mutex_);
  // VMs were made in advance: each comes with a directory of its own and a share (held.h).
  void use_held(bool on) { held_ = on; }
  bool held() const { return held_; }
  // Shims are processes: sleeping ones, marked as belonging to the sandbox.
  void use_shim_processes(bool on) { shim_processes_ = on; }
  bool shim_processes() const { return shim_processes_; }

  // What a slot was told last.
  void Note(const std::string& slot, const std::string& text) SHOJI_EXCLUDES(mutex_);
  std::string Noted(const std::string& slot) SHOJI_EXCLUDES(mutex_);
  // Containers out of memory, as the guest reports them.
  void RunOut(const std::string& container) SHOJI_EXCLUDES(mutex_);
  std::string NextOom() SHOJI_EXCLUDES(mutex_);
  int oom_fd() const { return oom_fd_.get(); }
  // The agent does not answer any more, its VM runs on.
  void LoseAgent();
  int lost_fd() const { return lost_fd_.get(); }

  // Handles that were made and not released: "vm", "proxy", "agent".
  void Made(const std::string& kind) SHOJI_EXCLUDES(mutex_);
  void Gone(const std::string& kind) SHOJI_EXCLUDES(mutex_);
  int Live(const std::string& kind) SHOJI_EXCLUDES(mutex_);

  // Processes of the guest: readable once ended.
  int ExitFd(const std::string& container, const std::string& process) SHOJI_EXCLUDES(mutex_);
  // A new one that has not ended, after an earlier one with the same name.
  void NewProcess(const std::string& container, const std::string& process) SHOJI_EXCLUDES(mutex_);
  void EndProcess(const std::string& container, const std::string& process) SHOJI_EXCLUDES(mutex_);
  void NoteSpec(const std::string& container, const std::string& spec) SHOJI_EXCLUDES(mutex_);
  std::string Spec(const std::string& container) SHOJI_EXCLUDES(mutex_);

 private:
  const std::string dir_;
  bool transactions_ = true;
  FakeMachine machine_;
  bool shim_processes_ = false;
  bool held_ = false;
  const UniqueFd oom_fd_;
  const UniqueFd lost_fd_;
  Mutex mutex_;
  std::map<std::string, int> fail_ SHOJI_GUARDED_BY(mutex_);
  std::string die_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, std::function<void()>> hooks_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, int> calls_ SHOJI_GUARDED_BY(mutex_);
  std::set<std::string> hang_ SHOJI_GUARDED_BY(mutex_);
  std::set<std::int32_t> paused_ SHOJI_GUARDED_BY(mutex_);
  std::set<std::string> without_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, std::string> noted_ SHOJI_GUARDED_BY(mutex_);
  std::deque<std::string> oom_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, int> live_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, UniqueFd> exits_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, std::string> specs_ SHOJI_GUARDED_BY(mutex_);
};

std::unique_ptr<Plugins> MakeFakePlugins(FakeWorld& world);
std::unique_ptr<Store> MakeFakeStore(FakeWorld& world);
// Time limits are short, logs are dropped; the rest is as in `settings`.
std::shared_ptr<Context> MakeFakeContext(FakeWorld& world, Settings settings = {});

// mkdtemp under /tmp; removed, with all mounts below, when the object dies.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A private mount namespace for the whole test program. False: not allowed here.
bool EnterMountNamespace();

}  // namespace shoji::testing

#endif  // SHOJI_CORE_TESTING_FAKE_PLUGINS_H_

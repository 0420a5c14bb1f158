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
namespace {

FakeVm* VmOf(shoji_vm* vm) { return reinterpret_cast<FakeVm*>(vm); }

void EndVm(FakeVm& vm) {
  vm.world->SetPaused(vm.process.pid, false);
  if (!vm.pidfd) return;
  if (IsAlive(vm.process)) kill(vm.process.pid, SIGKILL);
  struct pollfd item = {vm.pidfd.get(), POLLIN, 0};
  poll(&item, 1, 10'000);
  siginfo_t info = {};
  waitid(P_PIDFD, static_cast<id_t>(vm.pidfd.get()), &info, WEXITED | WNOHANG);
}

std::int32_t VmStop(shoji_vm* vm, const shoji_call*, std::uint32_t, shoji_error* error) {
  ENTER(VmOf(vm)->world, "vm.stop", error);
  EndVm(*VmOf(vm));
  return SHOJI_OK;
}
std::int32_t VmWaitFd(shoji_vm* vm) { return VmOf(vm)->pidfd.get(); }
std::int32_t VmPids(shoji_vm* vm, const shoji_sink* out, shoji_error* error) {
  ENTER(VmOf(vm)->world, "vm.pids", error);
  return IsAlive(VmOf(vm)->process) ? Put(out, std::to_string(VmOf(vm)->process.pid)) : SHOJI_OK;
}
std::int32_t VmLastWords(shoji_vm*, const shoji_sink* out, shoji_error*) {
  return Put(out, "guest panicked");
}
std::int32_t VmSaveState(shoji_vm* vm, const shoji_sink* out, shoji_error* error) {
  ENTER(VmOf(vm)->world, "vm.save_state", error);
  const FakeVm& self = *VmOf(vm);
  return Put(out, std::to_string(self.process.pid) + " " +
                      std::to_string(self.process.start_ticks) + " " + self.run_dir);
}
void VmClose(shoji_vm* vm) {
  VmOf(vm)->world->Gone("vm");
  delete VmOf(vm);
}
std::int32_t VmDestroy(shoji_vm* vm, const shoji_call*, shoji_error* error) {
  const std::int32_t entered = VmOf(vm)->world->Enter("vm.destroy", error);
  EndVm(*VmOf(vm));
  (void)RemoveFile(VmOf(vm)->run_dir + "/kata.sock");
  VmClose(vm);
  return entered;
}
// ---- optional interfaces of a VM

std::int32_t VmPause(shoji_vm* vm, const shoji_call*, shoji_error* error) {
  ENTER(VmOf(vm)->world, "vm.pause", error);
  VmOf(vm)->world->SetPaused(VmOf(vm)->process.pid, true);
  return SHOJI_OK;
}
std::int32_t VmResume(shoji_vm* vm, const shoji_call*, shoji_error* error) {
  ENTER(VmOf(vm)->world, "vm.resume", error);
  VmOf(vm)->world->SetPaused(VmOf(vm)->process.pid, false);
  return SHOJI_OK;
}
std::int32_t VmSave(shoji_vm* vm, const shoji_call*, shoji_str dir, std::uint32_t,
                    shoji_error* error) {
  ENTER(VmOf(vm)->world, "vm.save", error);
  if (!VmOf(vm)->world->IsPaused(VmOf(vm)->process.pid)) {
    return Fail(error, SHOJI_FAILED_PRECONDITION, "the VM is not paused");
  }
  return FillError(error, WriteFile(Text(dir) + "/memory", "all of it"));
}
std::int32_t VmStats(shoji_vm* vm, const shoji_call*, shoji_vm_stats* stats, shoji_error* error) {
  ENTER(VmOf(vm)->world, "vm.stats", error);
  *stats = {stats->struct_size, 2, 3, 4, 5, 6, 7};
  return SHOJI_OK;
}
std::int32_t VmRestore(shoji_hypervisor* hypervisor, const shoji_call* call, shoji_str dir,
                       const shoji_vm_config* config, std::uint32_t flags, shoji_vm** ret_vm,
                       shoji_error* error);
constexpr shoji_hypervisor_pause_v1 kPause = {sizeof(shoji_hypervisor_pause_v1), 0, VmPause,
                                              VmResume};
constexpr shoji_hypervisor_snapshot_v1 kSnapshot = {sizeof(shoji_hypervisor_snapshot_v1), 0, VmSave,
                                                    VmRestore, nullptr};
constexpr shoji_hypervisor_stats_v1 kStats = {sizeof(shoji_hypervisor_stats_v1), 0, VmStats};
const void* VmExtension(shoji_vm* vm, const char* id) {
  if (!VmOf(vm)->world->Offers(id)) return nullptr;
  if (std::string(id) == SHOJI_HYPERVISOR_PAUSE_V1) return &kPause;
  if (std::string(id) == SHOJI_HYPERVISOR_SNAPSHOT_V1) return &kSnapshot;
  if (std::string(id) == SHOJI_HYPERVISOR_STATS_V1) return &kStats;
  return HotplugExtension(vm, id);
}

}  // namespace

// A sleeping process, marked with its sandbox.
Result<FakeVm*> BootVm(FakeWorld* world, const std::string& run_dir) {
  SpawnOptions options;
  options.argv = {"/bin/sleep", "1000"};
  options.env = {"SHOJI_SANDBOX_DIR=" + run_dir.substr(0, run_dir.rfind('/'))};
  SHOJI_ASSIGN_OR_RETURN(Child child, Spawn(options));
  SHOJI_RETURN_IF_ERROR(WriteFile(run_dir + "/kata.sock", ""));
  const auto ticks = StartTicks(child.pid());
  auto* vm = new FakeVm{world, {child.pid(), *ticks}, run_dir, child.TakePidfd()};
  world->Made("vm");
  return vm;
}

namespace {

// Never started; made to be asked for its interfaces.
std::int32_t VmCreate(shoji_hypervisor* hypervisor, const shoji_call*,
                      const shoji_vm_config* config, shoji_vm** ret_vm, shoji_error* error) {
  auto* world = reinterpret_cast<FakeWorld*>(hypervisor);
  ENTER(world, "vm.create", error);
  world->Made("vm");
  *ret_vm = reinterpret_cast<shoji_vm*>(new FakeVm{world, {}, Text(config->run_dir), {}});
  return SHOJI_OK;
}
std::int32_t VmRestore(shoji_hypervisor* hypervisor, const shoji_call*, shoji_str dir,
                       const shoji_vm_config* config, std::uint32_t, shoji_vm** ret_vm,
                       shoji_error* error) {
  auto* world = reinterpret_cast<FakeWorld*>(hypervisor);
  ENTER(world, "vm.restore", error);
  if (!ReadFile(Text(dir) + "/memory").ok()) return Fail(error, SHOJI_DATA_LOSS, "no memory file");
  std::string note = Text(config->id) + " shares=" + std::to_string(config->share_count);
  VmConfig made;
  made.vcpus = config->vcpus;
  made.memory_bytes = config->memory_bytes;
  world->machine().Boot(made);
  for (std::uint32_t i = 0; i < config->device_count; ++i) {
    std::string json;
    (void)world->machine().Attach(*config->devices[i], &json);
    note += " " + Text(config->devices[i]->id);
  }
  world->Note("vm.restore", note);
  const auto vm = BootVm(world, Text(config->run_dir));
  if (!vm.ok()) return FillError(error, vm.status());
  world->SetPaused((*vm)->process.pid, true);
  *ret_vm = reinterpret_cast<shoji_vm*>(*vm);
  return SHOJI_OK;
}
std::int32_t VmEndpoint(shoji_vm* vm, const shoji_sink* out, shoji_error* error) {
  ENTER(VmOf(vm)->world, "vm.agent_endpoint", error);
  return Put(out, "unix://" + VmOf(vm)->run_dir + "/kata.sock");
}

std::int32_t VmAttach(shoji_hypervisor* hypervisor, const shoji_call*, shoji_str state,
                      shoji_vm** ret_vm, shoji_error* error) {
  auto* world = reinterpret_cast<FakeWorld*>(hypervisor);
  ENTER(world, "vm.attach", error);
  auto* vm = new FakeVm{world, {}, {}, {}};
  std::istringstream in(Text(state));
  in >> vm->process.pid >> vm->process.start_ticks >> vm->run_dir;
  const bool alive = IsAlive(vm->process);
  if (alive) vm->pidfd = std::move(*OpenPidfd(vm->process.pid));
  world->Made("vm");
  *ret_vm = reinterpret_cast<shoji_vm*>(vm);
  return alive ? SHOJI_OK : Fail(error, SHOJI_NOT_FOUND, "the VM is gone");
}
void HypervisorClose(shoji_hypervisor*) {}

shoji_hypervisor_v1 HypervisorTable() {
  shoji_hypervisor_v1 table = {};
  table.struct_size = sizeof(table);
  table.close = HypervisorClose;
  table.stop = VmStop;
  table.wait_fd = VmWaitFd;
  table.pids = VmPids;
  table.last_words = VmLastWords;
  table.save_state = VmSaveState;
  table.attach = VmAttach;
  table.close_vm = VmClose;
  table.destroy = VmDestroy;
  table.create = VmCreate;
  table.agent_endpoint = VmEndpoint;
  table.get_extension = VmExtension;
  return table;
}

}  // namespace

const shoji_hypervisor_v1 kFakeHypervisor = HypervisorTable();

}  // namespace shoji::testing

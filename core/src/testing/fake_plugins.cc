#include "testing/fake_plugins.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

#include "plugin/error.h"
#include "plugin/slots.h"
#include "sandbox/liveness.h"
#include "sandbox/mount.h"
#include "shoji/base/file.h"
#include "shoji/base/private_mounts.h"
#include "shoji/base/strings.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/spawn/spawn.h"

namespace shoji::testing {
namespace {

std::string Text(shoji_str text) {
  return text.size == 0 ? std::string() : std::string(text.data, text.size);
}

std::int32_t Put(const shoji_sink* sink, const std::string& text) {
  return sink->write(sink->ctx, text.data(), text.size());
}

std::int32_t Fail(shoji_error* error, std::int32_t code, const std::string& message) {
  SetError(error, code, 0, ToStr(message));
  return code;
}

#define ENTER(world, slot, error) \
  if (const std::int32_t entered = (world)->Enter(slot, error); entered != 0) return entered

// ---- store: one file per key, '/' as '%' -----------------------------------------

struct FakeStore {
  FakeWorld* world;
  std::string Path(const std::string& key) const {
    std::string name = key;
    for (char& c : name) c = c == '/' ? '%' : c;
    return world->dir() + "/store/" + name;
  }
};
FakeStore* StoreOf(shoji_store* store) { return reinterpret_cast<FakeStore*>(store); }

std::int32_t StoreSave(shoji_store* s, const shoji_call*, shoji_str key, shoji_str value,
                       shoji_error* error) {
  ENTER(StoreOf(s)->world, "store.save", error);
  return FillError(error, WriteFileAtomic(StoreOf(s)->Path(Text(key)), Text(value)));
}
std::int32_t StoreLoad(shoji_store* s, const shoji_call*, shoji_str key, const shoji_sink* out,
                       shoji_error* error) {
  ENTER(StoreOf(s)->world, "store.load", error);
  const auto text = ReadFile(StoreOf(s)->Path(Text(key)));
  if (!text.ok()) return Fail(error, SHOJI_NOT_FOUND, "no key " + Text(key));
  return Put(out, *text);
}
std::int32_t StoreRemove(shoji_store* s, const shoji_call*, shoji_str key, shoji_error* error) {
  ENTER(StoreOf(s)->world, "store.remove", error);
  return FillError(error, RemoveFile(StoreOf(s)->Path(Text(key))));
}
std::int32_t StoreScan(shoji_store* s, const shoji_call*, shoji_str prefix, shoji_store_visit visit,
                       void* ctx, shoji_error* error) {
  ENTER(StoreOf(s)->world, "store.scan", error);
  const auto names = ListDir(StoreOf(s)->world->dir() + "/store");
  for (std::string key : names.ok() ? *names : std::vector<std::string>()) {
    for (char& c : key) c = c == '%' ? '/' : c;
    if (key.rfind(Text(prefix), 0) != 0) continue;
    if (key.find(".tmp.") != std::string::npos) continue;  // of a writer that was killed
    if (const std::int32_t code = visit(ctx, ToStr(key)); code != SHOJI_OK) return code;
  }
  return SHOJI_OK;
}
std::int32_t StoreApply(shoji_store* s, const shoji_call* call, const shoji_store_op* const* ops,
                        std::uint32_t count, shoji_error* error) {
  ENTER(StoreOf(s)->world, "store.apply", error);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::int32_t code = ops[i]->op == SHOJI_STORE_OP_SAVE
                                  ? StoreSave(s, call, ops[i]->key, ops[i]->value, error)
                                  : StoreRemove(s, call, ops[i]->key, error);
    if (code != SHOJI_OK) return code;
  }
  return SHOJI_OK;
}
constexpr shoji_store_scan_v1 kScan = {sizeof(shoji_store_scan_v1), 0, StoreScan};
constexpr shoji_store_txn_v1 kTxn = {sizeof(shoji_store_txn_v1), 0, StoreApply};
const void* StoreExtension(shoji_store* s, const char* id) {
  if (std::string(id) == SHOJI_STORE_SCAN_V1) return &kScan;
  if (std::string(id) == SHOJI_STORE_TXN_V1 && StoreOf(s)->world->transactions()) return &kTxn;
  return nullptr;
}
void StoreClose(shoji_store* s) { delete StoreOf(s); }

const shoji_store_v1 kStore = {
    sizeof(shoji_store_v1), 0, nullptr, StoreClose, StoreSave, StoreLoad, StoreRemove,
    StoreExtension};

// ---- hypervisor ------------------------------------------------------------------

struct FakeVm {
  FakeWorld* world;
  ProcessId process;
  std::string run_dir;
  UniqueFd pidfd;
};
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

// As a factory does that had the VM ready.
Status MakeHeld(const FakeWorld& world, const std::string& sandbox_dir) {
  const std::string dir = sandbox_dir + "/held/held-1";
  const std::string mounts = dir + "/mounts";
  SHOJI_RETURN_IF_ERROR(MakeDirs(mounts));
  SHOJI_RETURN_IF_ERROR(MakeDirs(dir + "/share"));
  SHOJI_RETURN_IF_ERROR(MakeDirs(world.root() + "/factory"));
  SHOJI_ASSIGN_OR_RETURN(MountPoint ours, MountPoint::Bind(mounts, mounts, false));
  if (mount(nullptr, mounts.c_str(), nullptr, MS_SHARED, nullptr) < 0) {
    return Internal("cannot share a mount");
  }
  SHOJI_ASSIGN_OR_RETURN(MountPoint shown, MountPoint::Follow(mounts, dir + "/share"));
  ours.Keep();
  shown.Keep();
  const std::string link = world.root() + "/factory/held-1";
  return symlink(dir.c_str(), link.c_str()) == 0 ? OkStatus() : Internal("no link");
}

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
const shoji_hypervisor_v1 kHypervisor = HypervisorTable();

// ---- proxy, shim -----------------------------------------------------------------

struct FakeProxy {
  FakeWorld* world;
  std::string socket;
};
FakeProxy* ProxyOf(shoji_proxy* proxy) { return reinterpret_cast<FakeProxy*>(proxy); }

std::int32_t ProxyInfo(shoji_proxy* proxy, std::int32_t* pid, const shoji_sink* url,
                       shoji_error* error) {
  ENTER(ProxyOf(proxy)->world, "proxy.info", error);
  *pid = 1;
  return Put(url, "unix://" + ProxyOf(proxy)->socket);
}
std::int32_t ProxySaveState(shoji_proxy* proxy, const shoji_sink* out, shoji_error* error) {
  ENTER(ProxyOf(proxy)->world, "proxy.save_state", error);
  return Put(out, ProxyOf(proxy)->socket);
}
void ProxyRelease(shoji_proxy* proxy) {
  ProxyOf(proxy)->world->Gone("proxy");
  delete ProxyOf(proxy);
}
std::int32_t ProxyStop(shoji_proxy* proxy, const shoji_call*, shoji_error* error) {
  const std::int32_t entered = ProxyOf(proxy)->world->Enter("proxy.stop", error);
  (void)RemoveFile(ProxyOf(proxy)->socket);
  ProxyRelease(proxy);
  return entered;
}
shoji_proxy_v1 ProxyTable() {
  shoji_proxy_v1 table = {};
  table.struct_size = sizeof(table);
  table.info = ProxyInfo;
  table.save_state = ProxySaveState;
  table.stop = ProxyStop;
  table.release = ProxyRelease;
  return table;
}
const shoji_proxy_v1 kProxy = ProxyTable();

std::int32_t ShimStart(void* plugin, const shoji_options*, const shoji_call*,
                       const shoji_shim_params* params, std::int32_t* pid, shoji_error* error) {
  auto* world = static_cast<FakeWorld*>(plugin);
  ENTER(world, "shim.start", error);
  world->Note("shim.start", Text(params->container_id) + "/" + Text(params->exec_id) +
                                ((params->flags & SHOJI_SHIM_TERMINAL) != 0 ? " tty " : " ") +
                                Text(params->proxy_url));
  *pid = SHOJI_SHIM_BUILT_IN;
  if (!world->shim_processes()) return SHOJI_OK;
  SpawnOptions options;
  options.argv = {"/bin/sleep", "1001"};
  options.env = {"SHOJI_SANDBOX_DIR=" + world->root() + "/sandboxes/" + Text(params->sandbox_id)};
  auto child = Spawn(options);
  if (!child.ok()) return FillError(error, child.status());
  *pid = child->pid();
  (void)child->TakePidfd();  // it runs on
  world->Made("shim");
  return SHOJI_OK;
}
std::int32_t ShimStop(void* plugin, const shoji_call*, std::int32_t pid, shoji_error* error) {
  auto* world = static_cast<FakeWorld*>(plugin);
  ENTER(world, "shim.stop", error);
  if (pid <= 0) return SHOJI_OK;
  kill(pid, SIGKILL);
  if (waitpid(pid, nullptr, 0) == pid) world->Gone("shim");
  return SHOJI_OK;
}
constexpr shoji_shim_v1 kShim = {sizeof(shoji_shim_v1), 0, ShimStart, ShimStop};

// ---- agent -----------------------------------------------------------------------

struct FakeAgent {
  FakeWorld* world;
  UniqueFd vm;  // readable when the VM is gone
};
FakeAgent* AgentOf(shoji_agent* agent) { return reinterpret_cast<FakeAgent*>(agent); }

void AgentClose(shoji_agent* agent) {
  AgentOf(agent)->world->Gone("agent");
  delete AgentOf(agent);
}
bool Readable(int fd) {
  struct pollfd item = {fd, POLLIN, 0};
  return fd >= 0 && poll(&item, 1, 0) > 0;
}
// Waits for `fd`, the caller's cancellation, the end of the VM or of the time.
std::int32_t Await(shoji_agent* a, int fd, const shoji_call* call, shoji_error* error) {
  struct pollfd items[4] = {{fd, POLLIN, 0},
                            {call->cancel_fd, POLLIN, 0},
                            {AgentOf(a)->vm.get(), POLLIN, 0},
                            {AgentOf(a)->world->lost_fd(), POLLIN, 0}};
  poll(items, 4, Deadline::FromNanos(call->deadline_ns).PollTimeout());
  if ((items[0].revents & POLLIN) != 0) return SHOJI_OK;
  if ((items[1].revents & POLLIN) != 0) return Fail(error, SHOJI_CANCELLED, "cancelled");
  if ((items[2].revents & POLLIN) != 0) return Fail(error, SHOJI_UNAVAILABLE, "no guest");
  if ((items[3].revents & POLLIN) != 0) return Fail(error, SHOJI_UNAVAILABLE, "no answer");
  return Fail(error, SHOJI_DEADLINE_EXCEEDED, "still runs");
}
std::int32_t Simple(shoji_agent* agent, const shoji_call* call, const char* slot,
                    shoji_error* error) {
  FakeWorld* world = AgentOf(agent)->world;
  if (Readable(AgentOf(agent)->vm.get())) return Fail(error, SHOJI_UNAVAILABLE, "no guest");
  ENTER(world, slot, error);
  return world->Hangs(slot) ? Await(agent, -1, call, error) : SHOJI_OK;
}
std::int32_t AgentCheck(shoji_agent* a, const shoji_call* call, shoji_error* error) {
  return Simple(a, call, "agent.check", error);
}
std::int32_t AgentCreateSandbox(shoji_agent* a, const shoji_call* call,
                                const shoji_sandbox_request* request, shoji_error* error) {
  AgentOf(a)->world->machine().Note("create_sandbox");
  NoteMounts(AgentOf(a)->world->machine(), request->storages, request->storage_count);
  AgentOf(a)->world->Note(
      "agent.create_sandbox",
      std::string((request->flags & SHOJI_SANDBOX_SHARED_PIDNS) != 0 ? "shared_pid " : "") +
          Text(request->guest_hook_path) + " storages=" + std::to_string(request->storage_count));
  return Simple(a, call, "agent.create_sandbox", error);
}
std::int32_t AgentDestroySandbox(shoji_agent* a, const shoji_call* call, shoji_error* error) {
  return Simple(a, call, "agent.destroy_sandbox", error);
}
std::int32_t AgentCreateContainer(shoji_agent* a, const shoji_call* call,
                                  const shoji_container_request* request, shoji_error* error) {
  const std::string id = Text(request->container_id);
  AgentOf(a)->world->NoteSpec(id, Text(request->spec_json));
  AgentOf(a)->world->machine().Note("create_container " + id);
  NoteMounts(AgentOf(a)->world->machine(), request->storages, request->storage_count);
  NoteDevices(AgentOf(a)->world->machine(), *request);
  AgentOf(a)->world->Note(
      "agent.create_container",
      (request->flags & SHOJI_SANDBOX_SHARED_PIDNS) != 0 ? "shared_pid" : "own_pid");
  AgentOf(a)->world->NewProcess(id, id);
  return Simple(a, call, "agent.create_container", error);
}
std::int32_t AgentStartContainer(shoji_agent* a, const shoji_call* call, shoji_str,
                                 shoji_error* e) {
  return Simple(a, call, "agent.start_container", e);
}
std::int32_t AgentRemoveContainer(shoji_agent* a, const shoji_call* call, shoji_str, std::uint32_t,
                                  shoji_error* error) {
  return Simple(a, call, "agent.remove_container", error);
}
std::int32_t AgentExec(shoji_agent* a, const shoji_call* call, const shoji_exec_request* request,
                       shoji_error* error) {
  AgentOf(a)->world->NoteSpec(Text(request->exec_id), Text(request->process_json));
  return Simple(a, call, "agent.exec_process", error);
}
std::int32_t AgentSignal(shoji_agent* a, const shoji_call* call, shoji_process_ref process,
                         std::uint32_t, shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.signal_process", error); code != 0)
    return code;
  const std::string id = Text(process.container_id);
  const std::string exec = Text(process.exec_id);
  AgentOf(a)->world->EndProcess(id, exec.empty() ? id : exec);
  return SHOJI_OK;
}
std::int32_t AgentWait(shoji_agent* a, const shoji_call* call, shoji_process_ref process,
                       std::int32_t* status, shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.wait_process", error); code != 0)
    return code;
  FakeWorld* world = AgentOf(a)->world;
  const int fd = world->ExitFd(Text(process.container_id), Text(process.exec_id));
  if (const std::int32_t code = Await(a, fd, call, error); code != SHOJI_OK) return code;
  *status = 7;
  return SHOJI_OK;
}
// "hello", then it blocks until the process has ended.
std::int32_t AgentRead(shoji_agent* a, const shoji_call* call, shoji_process_ref process,
                       std::uint32_t, const shoji_sink* out, shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.read_stdout", error); code != 0) return code;
  FakeWorld* world = AgentOf(a)->world;
  if (world->Count("agent.read_stdout") == 1) return Put(out, "hello");
  const int fd = world->ExitFd(Text(process.container_id), Text(process.exec_id));
  if (const std::int32_t code = Await(a, fd, call, error); code != SHOJI_OK) return code;
  return Fail(error, SHOJI_OUT_OF_RANGE, "EOF");
}
std::int32_t AgentWrite(shoji_agent* a, const shoji_call* call, shoji_process_ref, shoji_str data,
                        std::uint64_t* written, shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.write_stdin", error); code != 0) return code;
  *written = std::min<std::uint64_t>(data.size, 1000);  // takes less than offered
  return SHOJI_OK;
}
std::int32_t AgentReseed(shoji_agent* a, const shoji_call* call, shoji_str data,
                         shoji_error* error) {
  AgentOf(a)->world->Note("agent.reseed_random", std::to_string(data.size));
  return Simple(a, call, "agent.reseed_random", error);
}
std::int32_t AgentSetTime(shoji_agent* a, const shoji_call* call, std::int64_t seconds,
                          std::int64_t, shoji_error* error) {
  AgentOf(a)->world->Note("agent.set_time", std::to_string(seconds));
  return Simple(a, call, "agent.set_time", error);
}
std::int32_t AgentWinsize(shoji_agent* a, const shoji_call* call, shoji_process_ref, std::uint32_t,
                          std::uint32_t, shoji_error* error) {
  return Simple(a, call, "agent.tty_win_resize", error);
}

// ---- optional interfaces of the agent

std::int32_t AgentPause(shoji_agent* a, const shoji_call* call, shoji_str, shoji_error* error) {
  return Simple(a, call, "agent.pause_container", error);
}
std::int32_t AgentResume(shoji_agent* a, const shoji_call* call, shoji_str, shoji_error* error) {
  return Simple(a, call, "agent.resume_container", error);
}
std::int32_t AgentStats(shoji_agent* a, const shoji_call* call, shoji_str, const shoji_sink* out,
                        shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.stats_container", error); code != 0) {
    return code;
  }
  return Put(out, R"({"cgroup_stats": {"pids_stats": {"current": "3"}}})");
}
std::int32_t AgentList(shoji_agent* a, const shoji_call* call, shoji_str, shoji_str format,
                       const shoji_str* args, std::uint32_t count, const shoji_sink* out,
                       shoji_error* error) {
  if (const std::int32_t code = Simple(a, call, "agent.list_processes", error); code != 0) {
    return code;
  }
  std::string text = Text(format);
  for (std::uint32_t i = 0; i < count; ++i) text += " " + Text(args[i]);
  return Put(out, text);
}
std::int32_t AgentNextOom(shoji_agent* a, const shoji_call* call, const shoji_sink* out,
                          shoji_error* error) {
  FakeWorld* world = AgentOf(a)->world;
  ENTER(world, "agent.next_oom", error);
  if (const std::int32_t code = Await(a, world->oom_fd(), call, error); code != 0) return code;
  return Put(out, world->NextOom());
}
constexpr shoji_agent_pause_v1 kAgentPause = {sizeof(shoji_agent_pause_v1), 0, AgentPause,
                                              AgentResume};
constexpr shoji_agent_stats_v1 kAgentStats = {sizeof(shoji_agent_stats_v1), 0, AgentStats,
                                              AgentList};
constexpr shoji_agent_oom_v1 kAgentOom = {sizeof(shoji_agent_oom_v1), 0, AgentNextOom};
const void* AgentExtension(shoji_agent* a, const char* id) {
  if (!AgentOf(a)->world->Offers(id)) return nullptr;
  if (std::string(id) == SHOJI_AGENT_PAUSE_V1) return &kAgentPause;
  if (std::string(id) == SHOJI_AGENT_STATS_V1) return &kAgentStats;
  if (std::string(id) == SHOJI_AGENT_OOM_V1) return &kAgentOom;
  return GuestExtension(a, id);
}

shoji_agent_v1 AgentTable() {
  shoji_agent_v1 table = {};
  table.struct_size = sizeof(table);
  table.close = AgentClose;
  table.guest_details = FakeGuestDetails;
  table.create_sandbox = AgentCreateSandbox;
  table.destroy_sandbox = AgentDestroySandbox;
  table.create_container = AgentCreateContainer;
  table.start_container = AgentStartContainer;
  table.remove_container = AgentRemoveContainer;
  table.exec_process = AgentExec;
  table.signal_process = AgentSignal;
  table.wait_process = AgentWait;
  table.read_stdout = AgentRead;
  table.write_stdin = AgentWrite;
  table.check = AgentCheck;
  table.reseed_random = AgentReseed;
  table.set_time = AgentSetTime;
  table.tty_win_resize = AgentWinsize;
  table.get_extension = AgentExtension;
  return table;
}
const shoji_agent_v1 kAgent = AgentTable();

// ---- all together ------------------------------------------------------------------

class FakePlugins final : public Plugins {
 public:
  explicit FakePlugins(FakeWorld& world) : world_(world) {}

  Result<std::unique_ptr<Store>> OpenStore(const std::string&) override {
    return MakeFakeStore(world_);
  }
  Result<std::unique_ptr<Hypervisor>> OpenHypervisor(const std::string& id) override {
    SHOJI_RETURN_IF_ERROR(Enter("hypervisor.open"));
    return std::make_unique<Hypervisor>(&kHypervisor, reinterpret_cast<shoji_hypervisor*>(&world_),
                                        id);
  }
  Result<std::unique_ptr<Factory>> OpenFactory(const std::string&) override {
    SHOJI_RETURN_IF_ERROR(Enter("factory.open"));
    static const shoji_factory_v1 kTable = {
        sizeof(shoji_factory_v1), 0, nullptr, CloseFactory, nullptr, nullptr, nullptr};
    return std::make_unique<Factory>(&kTable, reinterpret_cast<shoji_factory*>(&world_));
  }
  Result<std::unique_ptr<Shim>> OpenShim(const std::string&) override {
    SHOJI_RETURN_IF_ERROR(Enter("shim.open"));
    return std::make_unique<Shim>(&kShim, &world_, nullptr);
  }
  Result<std::unique_ptr<Network>> OpenNetwork(const std::string&) override {
    SHOJI_RETURN_IF_ERROR(Enter("network.open"));
    return MakeFakeNetwork(world_);
  }
  Result<NewVm> MakeVm(Factory&, const Call&, const Factory::Request& request) override {
    SHOJI_RETURN_IF_ERROR(Enter("factory.new_vm"));
    const std::string run_dir = request.config.run_dir;
    const std::string dir = run_dir.substr(0, run_dir.rfind('/'));
    world_.Note("factory.new_vm", "shares=" + std::to_string(request.config.shares.size()));
    SHOJI_ASSIGN_OR_RETURN(FakeVm * vm, BootVm(&world_, run_dir));
    SHOJI_RETURN_IF_ERROR(Enter("factory.booted"));
    world_.machine().Boot(request.config);
    NewVm out;
    out.vm = std::make_unique<Vm>(&kHypervisor, reinterpret_cast<shoji_vm*>(vm));
    out.held = out.cloned = world_.held();
    if (world_.held()) SHOJI_RETURN_IF_ERROR(MakeHeld(world_, dir));
    SHOJI_RETURN_IF_ERROR(WriteFile(dir + "/proxy/proxy.sock", ""));
    out.proxy = Wrap(dir + "/proxy/proxy.sock");
    out.agent = WrapAgent(dup(vm->pidfd.get()));
    return out;
  }
  Result<std::unique_ptr<Proxy>> StartProxy(const std::string&, const Call&,
                                            const Proxy::Params& params) override {
    SHOJI_RETURN_IF_ERROR(Enter("proxy.start"));
    world_.Note("proxy.start", params.sandbox_id + " " + params.agent_url);
    SHOJI_RETURN_IF_ERROR(WriteFile(params.run_dir + "/proxy.sock", ""));
    return Wrap(params.run_dir + "/proxy.sock");
  }
  Result<std::unique_ptr<Proxy>> AttachProxy(const std::string&, const Call&,
                                             std::string_view state) override {
    SHOJI_RETURN_IF_ERROR(Enter("proxy.attach"));
    return Wrap(std::string(state));
  }
  Result<std::unique_ptr<Agent>> OpenAgent(const std::string&, const Proxy&) override {
    SHOJI_RETURN_IF_ERROR(Enter("agent.open"));
    return WrapAgent(-1);
  }

 private:
  static void CloseFactory(shoji_factory*) {}
  Status Enter(const std::string& slot) {
    PluginError error;
    const std::int32_t code = world_.Enter(slot, error.get());
    return error.ToStatus("fake", slot, code);
  }
  std::unique_ptr<Proxy> Wrap(const std::string& socket) {
    world_.Made("proxy");
    return std::make_unique<Proxy>(&kProxy,
                                   reinterpret_cast<shoji_proxy*>(new FakeProxy{&world_, socket}));
  }
  std::unique_ptr<Agent> WrapAgent(int vm_fd) {
    world_.Made("agent");
    return std::make_unique<Agent>(
        &kAgent, reinterpret_cast<shoji_agent*>(new FakeAgent{&world_, UniqueFd(vm_fd)}));
  }
  FakeWorld& world_;
};

}  // namespace

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
void FakeWorld::EndProcess(const std::string& container, const std::string& process) {
  eventfd_write(ExitFd(container, process), 1);
}
void FakeWorld::NoteSpec(const std::string& container, const std::string& spec) {
  const MutexLock lock(mutex_);
  specs_[container] = spec;
}
std::string FakeWorld::Spec(const std::string& container) {
  const MutexLock lock(mutex_);
  return specs_[container];
}

std::unique_ptr<Store> MakeFakeStore(FakeWorld& world) {
  (void)MakeDirs(world.dir() + "/store");
  return std::make_unique<Store>(&kStore, reinterpret_cast<shoji_store*>(new FakeStore{&world}));
}

std::unique_ptr<Plugins> MakeFakePlugins(FakeWorld& world) {
  return std::make_unique<FakePlugins>(world);
}

std::shared_ptr<Context> MakeFakeContext(FakeWorld& world, Settings settings) {
  settings.root = world.root();
  settings.lock_limit = std::chrono::seconds(5);
  settings.call_limit = std::chrono::seconds(5);
  settings.stop_limit = std::chrono::seconds(2);
  settings.max_vcpus = 16;
  settings.max_memory_bytes = 1ULL << 40U;
  return std::make_shared<Context>(settings, MakeFakePlugins(world), nullptr, nullptr);
}

TempDir::TempDir() {
  char name[] = "/tmp/shoji-core-XXXXXX";
  path_ = mkdtemp(name);
}

TempDir::~TempDir() {
  (void)UnmountBelow(path_);
  (void)RemoveTree(path_);
}

bool EnterMountNamespace() { return unshare(CLONE_NEWNS) == 0 && MakeMountsPrivate().ok(); }

}  // namespace shoji::testing

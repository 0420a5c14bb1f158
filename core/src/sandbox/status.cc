// What Status and List answer: from the record alone, without guest and without plugin.
#include <chrono>

#include "host/liveness.h"
#include "sandbox/object.h"

namespace shoji {

std::int64_t UnixNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool VmLives(const SandboxRecord& record) {
  if (record.vm_state.empty()) return false;
  // A hypervisor without processes of its own: nothing says that it is gone.
  return record.vm_processes.empty() || IsAlive(record.vm_processes.front());
}

State EffectiveState(const SandboxRecord& record) {
  return VmLives(record) ? record.state : State::kStopped;
}

State EffectiveState(const SandboxRecord& record, const ContainerRecord& container) {
  if (!VmLives(record)) return State::kStopped;
  if (ShimHasEnded(container)) return State::kStopped;
  const bool frozen = record.state == State::kPaused && container.state == State::kRunning;
  return frozen ? State::kPaused : container.state;
}

ContainerStatus StatusOf(const SandboxRecord& record, const ContainerRecord& container) {
  ContainerStatus out;
  out.id = container.config.id;
  out.sandbox_id = record.id;
  out.state = EffectiveState(record, container);
  out.created_unix_ns = container.created_unix_ns;
  out.started_unix_ns = container.started_unix_ns;
  out.shim_pid = container.shim_pid;
  out.rootfs = container.rootfs;
  out.bundle = container.config.bundle;
  out.args = container.args;
  out.annotations = container.config.annotations;
  return out;
}

SandboxStatus StatusOf(const SandboxRecord& record, std::int32_t owner_pid) {
  SandboxStatus out;
  out.id = record.id;
  out.state = EffectiveState(record);
  out.created_unix_ns = record.created_unix_ns;
  out.hypervisor = record.hypervisor;
  out.agent = record.agent;
  out.proxy = record.proxy;
  out.factory = record.factory;
  for (const ProcessId& process : record.vm_processes) {
    if (IsAlive(process)) out.vm_pids.push_back(process.pid);
  }
  out.vcpus = record.vcpus;
  out.memory_bytes = record.memory_bytes;
  out.owner_pid = owner_pid;
  out.released = record.released;
  for (const auto& container : record.containers) {
    out.containers.push_back(StatusOf(record, container));
  }
  for (const auto& device : record.devices) out.devices.push_back({device.info, device.address});
  for (const auto& storage : record.storages) {
    out.storages.push_back({storage.info, storage.guest_path});
  }
  out.network = record.network;
  out.netns = record.config.network.netns;
  out.annotations = record.config.annotations;
  return out;
}

Result<ContainerRecord*> FindContainer(SandboxRecord& record, const std::string& container_id) {
  if (ContainerRecord* found = record.Find(container_id); found != nullptr) return found;
  return NotFound("container \"" + container_id + "\" does not exist in sandbox \"" + record.id +
                  "\"");
}

}  // namespace shoji

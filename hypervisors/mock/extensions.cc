// The optional interfaces: each slot asks the other plugin's VM for its table, and calls that.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "handles.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"

namespace shoji::mock {
namespace {

template <typename Table>
const Table* InnerTable(const MockVm* vm, const char* id) {
  return static_cast<const Table*>(vm->mock->table()->get_extension(vm->inner, id));
}

std::int32_t Missing(const MockVm* vm, shoji_error* err, const char* slot) {
  return vm->mock->host().Fail(
      err, Unimplemented("hypervisor \"" + vm->mock->over() + "\" does not offer " + slot));
}

// ---- shoji.hypervisor.hotplug/1

const shoji_hypervisor_hotplug_v1* Hotplug(const MockVm* vm) {
  return InnerTable<shoji_hypervisor_hotplug_v1>(vm, SHOJI_HYPERVISOR_HOTPLUG_V1);
}

std::int32_t AttachDevice(shoji_vm* handle, const shoji_call* call, const shoji_device* device,
                          const shoji_sink* sink, shoji_error* err) {
  const MockVm* vm = Of(handle);
  return PerformWriting(*vm->mock, "attach_device", vm, call, sink, err, [&](const shoji_sink* s) {
    const auto* t = Hotplug(vm);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_hotplug_v1, t, attach)) return Missing(vm, err, "attach");
    return t->attach(vm->inner, call, device, s, err);
  });
}

std::int32_t DetachDevice(shoji_vm* handle, const shoji_call* call, shoji_str id,
                          shoji_error* err) {
  const MockVm* vm = Of(handle);
  return Perform(*vm->mock, "detach_device", vm, call, err, [&] {
    const auto* t = Hotplug(vm);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_hotplug_v1, t, detach)) return Missing(vm, err, "detach");
    return t->detach(vm->inner, call, id, err);
  });
}

std::int32_t LimitBlock(shoji_vm* handle, const shoji_call* call, shoji_str id,
                        const shoji_block_limits* limits, shoji_error* err) {
  const MockVm* vm = Of(handle);
  return Perform(*vm->mock, "limit_block", vm, call, err, [&] {
    const auto* t = Hotplug(vm);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_hotplug_v1, t, limit_block)) {
      return Missing(vm, err, "limit_block");
    }
    return t->limit_block(vm->inner, call, id, limits, err);
  });
}

constexpr shoji_hypervisor_hotplug_v1 kHotplug = {sizeof(shoji_hypervisor_hotplug_v1), 0,
                                                  AttachDevice, DetachDevice, LimitBlock};

// ---- shoji.hypervisor.resize/1

const shoji_hypervisor_resize_v1* Resize(const MockVm* vm) {
  return InnerTable<shoji_hypervisor_resize_v1>(vm, SHOJI_HYPERVISOR_RESIZE_V1);
}

// A late failure must leave the caller's struct as it was.
std::int32_t PerformSize(const MockVm* vm, std::string_view slot, const shoji_call* call,
                         shoji_vm_size* ret, shoji_error* err,
                         const std::function<std::int32_t(shoji_vm_size*)>& work) {
  shoji_vm_size size{};
  size.struct_size = sizeof size;
  const std::int32_t code = Perform(*vm->mock, slot, vm, call, err, [&] { return work(&size); });
  if (code != SHOJI_OK) return code;
  const std::uint32_t room = std::min<std::uint32_t>(ret->struct_size, sizeof size);
  size.struct_size = ret->struct_size;
  std::memcpy(ret, &size, room);
  return SHOJI_OK;
}

std::int32_t Size(shoji_vm* handle, const shoji_call* call, shoji_vm_size* ret, shoji_error* err) {
  const MockVm* vm = Of(handle);
  return PerformSize(vm, "size", call, ret, err, [&](shoji_vm_size* size) {
    const auto* t = Resize(vm);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_resize_v1, t, size)) return Missing(vm, err, "size");
    return t->size(vm->inner, call, size, err);
  });
}

std::int32_t SetVcpus(shoji_vm* handle, const shoji_call* call, std::uint32_t vcpus,
                      shoji_vm_size* ret, shoji_error* err) {
  const MockVm* vm = Of(handle);
  return PerformSize(vm, "set_vcpus", call, ret, err, [&](shoji_vm_size* size) {
    const auto* t = Resize(vm);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_resize_v1, t, set_vcpus)) {
      return Missing(vm, err, "set_vcpus");
    }
    return t->set_vcpus(vm->inner, call, vcpus, size, err);
  });
}

std::int32_t SetMemory(shoji_vm* handle, const shoji_call* call, std::uint64_t bytes,
                       std::uint64_t block_bytes, shoji_vm_size* ret, shoji_error* err) {
  const MockVm* vm = Of(handle);
  return PerformSize(vm, "set_memory", call, ret, err, [&](shoji_vm_size* size) {
    const auto* t = Resize(vm);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_resize_v1, t, set_memory)) {
      return Missing(vm, err, "set_memory");
    }
    return t->set_memory(vm->inner, call, bytes, block_bytes, size, err);
  });
}

constexpr shoji_hypervisor_resize_v1 kResize = {sizeof(shoji_hypervisor_resize_v1), 0, Size,
                                                SetVcpus, SetMemory};

// ---- shoji.hypervisor.shares/1

std::int32_t ShareMount(shoji_vm* handle, shoji_str tag, const shoji_sink* sink, shoji_error* err) {
  const MockVm* vm = Of(handle);
  return PerformWriting(*vm->mock, "share_mount", vm, nullptr, sink, err, [&](const shoji_sink* s) {
    const auto* t = InnerTable<shoji_hypervisor_shares_v1>(vm, SHOJI_HYPERVISOR_SHARES_V1);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_shares_v1, t, share_mount)) {
      return Missing(vm, err, "share_mount");
    }
    return t->share_mount(vm->inner, tag, s, err);
  });
}

constexpr shoji_hypervisor_shares_v1 kShares = {sizeof(shoji_hypervisor_shares_v1), 0, ShareMount};

// ---- shoji.hypervisor.pause/1

std::int32_t Pause(shoji_vm* handle, const shoji_call* call, shoji_error* err) {
  const MockVm* vm = Of(handle);
  return Perform(*vm->mock, "pause", vm, call, err, [&] {
    const auto* t = InnerTable<shoji_hypervisor_pause_v1>(vm, SHOJI_HYPERVISOR_PAUSE_V1);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_pause_v1, t, pause)) return Missing(vm, err, "pause");
    return t->pause(vm->inner, call, err);
  });
}

std::int32_t Resume(shoji_vm* handle, const shoji_call* call, shoji_error* err) {
  const MockVm* vm = Of(handle);
  return Perform(*vm->mock, "resume", vm, call, err, [&] {
    const auto* t = InnerTable<shoji_hypervisor_pause_v1>(vm, SHOJI_HYPERVISOR_PAUSE_V1);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_pause_v1, t, resume)) return Missing(vm, err, "resume");
    return t->resume(vm->inner, call, err);
  });
}

constexpr shoji_hypervisor_pause_v1 kPause = {sizeof(shoji_hypervisor_pause_v1), 0, Pause, Resume};

// ---- shoji.hypervisor.snapshot/1

std::int32_t Save(shoji_vm* handle, const shoji_call* call, shoji_str dir, std::uint32_t flags,
                  shoji_error* err) {
  const MockVm* vm = Of(handle);
  return Perform(*vm->mock, "save", vm, call, err, [&] {
    const auto* t = InnerTable<shoji_hypervisor_snapshot_v1>(vm, SHOJI_HYPERVISOR_SNAPSHOT_V1);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_snapshot_v1, t, save)) return Missing(vm, err, "save");
    return t->save(vm->inner, call, dir, flags, err);
  });
}

std::int32_t Restore(shoji_hypervisor* h, const shoji_call* call, shoji_str dir,
                     const shoji_vm_config* config, std::uint32_t flags, shoji_vm** ret,
                     shoji_error* err) {
  Mock* mock = Of(h);
  shoji_vm* inner = nullptr;
  const auto work = [&]() -> std::int32_t {
    const auto opened = mock->Inner(err);
    if (!opened.ok()) return mock->host().Fail(err, opened.status());
    // The table hangs on VMs: any will do, and one that does not run costs nothing.
    shoji_vm* any = nullptr;
    const std::int32_t made = mock->table()->create(*opened, call, config, &any, err);
    if (made != SHOJI_OK) return made;
    const MockVm asked{mock, any};
    const auto* t = InnerTable<shoji_hypervisor_snapshot_v1>(&asked, SHOJI_HYPERVISOR_SNAPSHOT_V1);
    const bool offered = SHOJI_HAS_SLOT(shoji_hypervisor_snapshot_v1, t, restore);
    const std::int32_t code = offered ? t->restore(*opened, call, dir, config, flags, &inner, err)
                                      : Missing(&asked, err, "restore");
    mock->table()->close_vm(any);
    return code;
  };
  const std::int32_t code = Perform(*mock, "restore", nullptr, call, err, work, [&] {
    static_cast<void>(mock->table()->destroy(inner, nullptr, nullptr));
  });
  if (code == SHOJI_OK) *ret = reinterpret_cast<shoji_vm*>(new MockVm{mock, inner});
  return code;
}

std::int32_t AwaitAgentPort(shoji_vm* handle, const shoji_call* call, shoji_error* err) {
  const MockVm* vm = Of(handle);
  return Perform(*vm->mock, "await_agent_port", vm, call, err, [&] {
    const auto* t = InnerTable<shoji_hypervisor_snapshot_v1>(vm, SHOJI_HYPERVISOR_SNAPSHOT_V1);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_snapshot_v1, t, await_agent_port)) {
      return Missing(vm, err, "await_agent_port");
    }
    return t->await_agent_port(vm->inner, call, err);
  });
}

constexpr shoji_hypervisor_snapshot_v1 kSnapshot = {sizeof(shoji_hypervisor_snapshot_v1), 0, Save,
                                                    Restore, AwaitAgentPort};

// ---- shoji.hypervisor.console/1

std::int32_t OpenConsole(shoji_vm* handle, const shoji_call* call, std::int32_t* ret_fd,
                         shoji_error* err) {
  const MockVm* vm = Of(handle);
  std::int32_t fd = -1;
  const auto work = [&] {
    const auto* t = InnerTable<shoji_hypervisor_console_v1>(vm, SHOJI_HYPERVISOR_CONSOLE_V1);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_console_v1, t, open_console)) {
      return Missing(vm, err, "open_console");
    }
    return t->open_console(vm->inner, call, &fd, err);
  };
  const std::int32_t code =
      Perform(*vm->mock, "open_console", vm, call, err, work, [&] { close(fd); });
  if (code == SHOJI_OK) *ret_fd = fd;
  return code;
}

constexpr shoji_hypervisor_console_v1 kConsole = {sizeof(shoji_hypervisor_console_v1), 0,
                                                  OpenConsole};

// ---- shoji.hypervisor.stats/1

std::int32_t Stats(shoji_vm* handle, const shoji_call* call, shoji_vm_stats* ret,
                   shoji_error* err) {
  const MockVm* vm = Of(handle);
  shoji_vm_stats stats{};
  stats.struct_size = sizeof stats;
  const std::int32_t code = Perform(*vm->mock, "stats", vm, call, err, [&] {
    const auto* t = InnerTable<shoji_hypervisor_stats_v1>(vm, SHOJI_HYPERVISOR_STATS_V1);
    if (!SHOJI_HAS_SLOT(shoji_hypervisor_stats_v1, t, stats)) return Missing(vm, err, "stats");
    return t->stats(vm->inner, call, &stats, err);
  });
  if (code != SHOJI_OK) return code;
  const std::uint32_t room = std::min<std::uint32_t>(ret->struct_size, sizeof stats);
  stats.struct_size = ret->struct_size;
  std::memcpy(ret, &stats, room);
  return SHOJI_OK;
}

constexpr shoji_hypervisor_stats_v1 kStats = {sizeof(shoji_hypervisor_stats_v1), 0, Stats};

struct Known {
  const char* id;
  const void* table;
};
constexpr Known kKnown[] = {
    {SHOJI_HYPERVISOR_HOTPLUG_V1, &kHotplug},   {SHOJI_HYPERVISOR_RESIZE_V1, &kResize},
    {SHOJI_HYPERVISOR_SHARES_V1, &kShares},     {SHOJI_HYPERVISOR_PAUSE_V1, &kPause},
    {SHOJI_HYPERVISOR_SNAPSHOT_V1, &kSnapshot}, {SHOJI_HYPERVISOR_CONSOLE_V1, &kConsole},
    {SHOJI_HYPERVISOR_STATS_V1, &kStats}};

}  // namespace

const void* ExtensionOf(shoji_vm* handle, const char* id) {
  const MockVm* vm = Of(handle);
  if (InnerTable<void>(vm, id) == nullptr) return nullptr;
  for (const Known& known : kKnown) {
    if (std::strcmp(known.id, id) == 0) return known.table;
  }
  return nullptr;
}

}  // namespace shoji::mock

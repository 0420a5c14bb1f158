// For tests: a hypervisor whose VMs are files, with proxy and agent, that writes down what is
// asked of it and fails where it is told to.
//
// Threads  The tables may be called side by side; what a test sets is set before.
// Example  FakeWorld world; world.fail = "save"; table->new_vm(factory, ...);
#ifndef SHOJI_FACTORIES_TEMPLATE_TESTING_FAKE_WORLD_H_
#define SHOJI_FACTORIES_TEMPLATE_TESTING_FAKE_WORLD_H_

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"
#include "shoji/plugin/factory.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::templates::testing {

using sdk::String;
using sdk::testing::FakeCall;
using sdk::testing::FakeError;
using sdk::testing::FakeHost;
using sdk::testing::FakeOptions;

struct FakeWorld {
  std::vector<std::string> log;
  std::string fail;  // the step that fails ...
  std::int32_t code = SHOJI_INTERNAL;
  std::string hang;  // the step that waits for cancellation or deadline
  bool snapshots = true;
  bool hotplug = true;
  bool resize = true;
  std::string last_id;            // of a VM that was started or restored
  std::uint64_t last_memory = 0;  // asked for at its start
  std::mutex mutex;

  std::int32_t Step(const std::string& name, shoji_error* error, const shoji_call* call = nullptr) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      log.push_back(name);
    }
    std::int32_t result = name == fail ? code : SHOJI_OK;
    if (name == hang) {
      pollfd cancel{call->cancel_fd, POLLIN, 0};
      const int got = poll(&cancel, 1, Deadline::FromNanos(call->deadline_ns).PollTimeout());
      result = got > 0 ? SHOJI_CANCELLED : SHOJI_DEADLINE_EXCEEDED;
    }
    if (result != SHOJI_OK && error != nullptr) {
      *reinterpret_cast<FakeError*>(error) = FakeError{result, 0, name + " failed", {}};
    }
    return result;
  }
  std::size_t Count(const std::string& name) {
    const std::lock_guard<std::mutex> lock(mutex);
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), name));
  }
};

// The C tables have nothing else to hold on to.
inline FakeWorld* world = nullptr;

// One VM, as QEMU is one: as long as it lives, it has its memory mapped.
struct FakeVm {
  std::string memory_path;
  UniqueFd memory;

  void Map() { memory.reset(open(memory_path.c_str(), O_RDWR | O_CLOEXEC)); }
};
inline FakeVm* Of(shoji_vm* vm) { return reinterpret_cast<FakeVm*>(vm); }

inline std::int32_t FakeSave(shoji_vm*, const shoji_call* call, shoji_str dir, std::uint32_t flags,
                             shoji_error* error) {
  if (flags != SHOJI_SNAPSHOT_SHARED_MEMORY) return SHOJI_INVALID_ARGUMENT;
  const std::int32_t code = world->Step("save", error, call);
  if (code == SHOJI_OK) static_cast<void>(WriteFile(String(dir) + "/state", "saved").ok());
  return code;
}
inline std::int32_t FakeRestore(shoji_hypervisor*, const shoji_call* call, shoji_str dir,
                                const shoji_vm_config* config, std::uint32_t, shoji_vm** vm,
                                shoji_error* error) {
  const std::int32_t code = world->Step("restore", error, call);
  if (code != SHOJI_OK) return code;
  const auto state = ReadFile(String(dir) + "/state");
  if (!state.ok() || *state != "saved") {
    *reinterpret_cast<FakeError*>(error) = FakeError{SHOJI_DATA_LOSS, 0, "the state is torn", {}};
    return SHOJI_DATA_LOSS;
  }
  world->last_id = String(config->id);
  auto made = std::make_unique<FakeVm>(FakeVm{String(config->memory_path), {}});
  made->Map();
  *vm = reinterpret_cast<shoji_vm*>(made.release());
  return SHOJI_OK;
}

inline const void* FakeExtension(shoji_vm*, const char* id) {
  static const shoji_hypervisor_snapshot_v1 snapshot = {
      sizeof snapshot, 0, FakeSave, FakeRestore,
      [](shoji_vm*, const shoji_call* call, shoji_error* e) {
        return world->Step("await_agent_port", e, call);
      }};
  static const shoji_hypervisor_pause_v1 pause = {
      sizeof pause, 0,
      [](shoji_vm*, const shoji_call*, shoji_error* e) { return world->Step("pause", e); },
      [](shoji_vm*, const shoji_call*, shoji_error* e) { return world->Step("resume", e); }};
  static const shoji_hypervisor_hotplug_v1 hotplug = {
      sizeof hotplug, 0,
      [](shoji_vm*, const shoji_call*, const shoji_device* device, const shoji_sink*,
         shoji_error* e) { return world->Step("attach " + String(device->id), e); },
      nullptr, nullptr};
  static const shoji_hypervisor_resize_v1 resize = {sizeof resize, 0, nullptr, nullptr, nullptr};
  const std::string name = id;
  if (name == SHOJI_HYPERVISOR_SNAPSHOT_V1 && world->snapshots) return &snapshot;
  if (name == SHOJI_HYPERVISOR_PAUSE_V1) return &pause;
  if (name == SHOJI_HYPERVISOR_HOTPLUG_V1 && world->hotplug) return &hotplug;
  return name == SHOJI_HYPERVISOR_RESIZE_V1 && world->resize ? &resize : nullptr;
}

inline shoji_hypervisor_v1 FakeHypervisor() {
  shoji_hypervisor_v1 t{};
  t.struct_size = sizeof t;
  t.create = [](shoji_hypervisor*, const shoji_call*, const shoji_vm_config* config, shoji_vm** vm,
                shoji_error* e) {
    const std::int32_t code = world->Step("create", e);
    if (code != SHOJI_OK) return code;
    const bool file = (config->flags & SHOJI_VM_MEMORY_FILE) != 0;
    world->last_id = String(config->id);
    world->last_memory = config->memory_bytes;
    *vm = reinterpret_cast<shoji_vm*>(
        new FakeVm{file ? String(config->memory_path) : std::string(), {}});
    return code;
  };
  t.start = [](shoji_vm* vm, const shoji_call* call, shoji_error* e) -> std::int32_t {
    if (!Of(vm)->memory_path.empty()) {
      static_cast<void>(WriteFile(Of(vm)->memory_path, std::string(8192, 'm')).ok());
      Of(vm)->Map();
    }
    return world->Step("start", e, call);
  };
  t.wait_fd = [](shoji_vm*) -> std::int32_t { return -1; };
  t.agent_endpoint = [](shoji_vm*, const shoji_sink* sink, shoji_error*) -> std::int32_t {
    static_cast<void>(sdk::Put(sink, "unix:///x").ok());
    return SHOJI_OK;
  };
  t.last_words = [](shoji_vm*, const shoji_sink*, shoji_error*) -> std::int32_t {
    return SHOJI_OK;
  };
  t.close_vm = [](shoji_vm* vm) { delete Of(vm); };
  t.destroy = [](shoji_vm* vm, const shoji_call*, shoji_error* e) {
    delete Of(vm);
    return world->Step("destroy", e);
  };
  t.get_extension = FakeExtension;
  return t;
}

inline shoji_proxy_v1 FakeProxy() {
  shoji_proxy_v1 t{};
  t.struct_size = sizeof t;
  t.start = [](void*, const shoji_options*, const shoji_call*, const shoji_proxy_params*,
               shoji_proxy** proxy, shoji_error* e) {
    *proxy = reinterpret_cast<shoji_proxy*>(world);
    return world->Step("proxy", e);
  };
  t.stop = [](shoji_proxy*, const shoji_call*, shoji_error*) -> std::int32_t { return SHOJI_OK; };
  return t;
}

inline shoji_agent_v1 FakeAgent() {
  shoji_agent_v1 t{};
  t.struct_size = sizeof t;
  t.open = [](void*, const shoji_options*, const shoji_connector* connector, shoji_agent** agent,
              shoji_error* e) {
    connector->release(connector->ctx);
    *agent = reinterpret_cast<shoji_agent*>(world);
    return world->Step("agent", e);
  };
  t.close = [](shoji_agent*) {};
  t.check = [](shoji_agent*, const shoji_call* call, shoji_error* e) {
    return world->Step("check", e, call);
  };
  t.reseed_random = [](shoji_agent*, const shoji_call*, shoji_str data, shoji_error* e) {
    return world->Step("reseed " + std::to_string(data.size), e);
  };
  t.set_time = [](shoji_agent*, const shoji_call*, std::int64_t seconds, std::int64_t,
                  shoji_error* e) {
    return world->Step(std::llabs(seconds - time(nullptr)) < 5 ? "time" : "wrong time", e);
  };
  return t;
}

}  // namespace shoji::templates::testing

#endif  // SHOJI_FACTORIES_TEMPLATE_TESTING_FAKE_WORLD_H_

// The optional interfaces of a VM, and restoring one, over tables made by hand.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <map>

#include "plugin/interfaces.h"
#include "plugin/slots.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"

namespace shoji {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What the tables were told, and what they answer.
struct Machine {
  std::map<std::string, const void*> tables;
  std::vector<std::string> calls;
  std::int32_t code = SHOJI_OK;
  bool mute = false;  // fails without a message
  bool null = false;  // succeeds without a handle
  std::int64_t deadline = 0;
  std::int32_t cancel_fd = -1;
  std::string text = "{}";
  int closed = 0;

  std::int32_t Answer(const std::string& call, const shoji_call* limits, shoji_error* error) {
    calls.push_back(call);
    if (limits != nullptr) {
      deadline = limits->deadline_ns;
      cancel_fd = limits->cancel_fd;
    }
    if (code != SHOJI_OK && !mute) SetError(error, code, 5, ToStr("the machine refuses"));
    return code;
  }
};

// VM and hypervisor have the same handle here.
template <typename Handle>
Machine& Of(Handle* handle) {
  return *reinterpret_cast<Machine*>(handle);
}
std::string Text(shoji_str text) { return {text.data, static_cast<std::size_t>(text.size)}; }

std::int32_t Put(Machine& machine, const shoji_sink* sink) {
  return sink->write(sink->ctx, machine.text.data(), machine.text.size());
}

const shoji_hypervisor_hotplug_v1 kHotplug = {
    sizeof(shoji_hypervisor_hotplug_v1), 0,
    [](shoji_vm* vm, const shoji_call* call, const shoji_device* device, const shoji_sink* sink,
       shoji_error* error) -> std::int32_t {
      const auto code = Of(vm).Answer("attach " + Text(device->id), call, error);
      return code != SHOJI_OK ? code : Put(Of(vm), sink);
    },
    [](shoji_vm* vm, const shoji_call* call, shoji_str id, shoji_error* error) -> std::int32_t {
      return Of(vm).Answer("detach " + Text(id), call, error);
    },
    [](shoji_vm* vm, const shoji_call* call, shoji_str id, const shoji_block_limits* limits,
       shoji_error* error) -> std::int32_t {
      const std::string what = limits == nullptr ? "none"
                                                 : std::to_string(limits->bytes_per_s) + " " +
                                                       std::to_string(limits->burst_ms);
      return Of(vm).Answer("limit " + Text(id) + " " + what, call, error);
    }};

const shoji_hypervisor_resize_v1 kResize = {
    sizeof(shoji_hypervisor_resize_v1), 0,
    [](shoji_vm* vm, const shoji_call* call, shoji_vm_size* size,
       shoji_error* error) -> std::int32_t {
      *size = {size->struct_size, 1, 2, 0, 3, 4, 5};
      return Of(vm).Answer("size " + std::to_string(size->struct_size), call, error);
    },
    [](shoji_vm* vm, const shoji_call* call, std::uint32_t vcpus, shoji_vm_size* size,
       shoji_error* error) -> std::int32_t {
      size->vcpus = vcpus - 1;
      return Of(vm).Answer("vcpus " + std::to_string(vcpus), call, error);
    },
    [](shoji_vm* vm, const shoji_call* call, std::uint64_t bytes, std::uint64_t block,
       shoji_vm_size* size, shoji_error* error) -> std::int32_t {
      size->memory_bytes = bytes + block;
      return Of(vm).Answer("memory " + std::to_string(bytes) + " " + std::to_string(block), call,
                           error);
    }};

const shoji_hypervisor_shares_v1 kShares = {
    sizeof(shoji_hypervisor_shares_v1), 0,
    [](shoji_vm* vm, shoji_str tag, const shoji_sink* sink, shoji_error* error) -> std::int32_t {
      const auto code = Of(vm).Answer("share " + Text(tag), nullptr, error);
      return code != SHOJI_OK ? code : Put(Of(vm), sink);
    }};

const shoji_hypervisor_pause_v1 kPause = {
    sizeof(shoji_hypervisor_pause_v1), 0,
    [](shoji_vm* vm, const shoji_call* call, shoji_error* error) -> std::int32_t {
      return Of(vm).Answer("pause", call, error);
    },
    [](shoji_vm* vm, const shoji_call* call, shoji_error* error) -> std::int32_t {
      return Of(vm).Answer("resume", call, error);
    }};

const shoji_hypervisor_snapshot_v1 kSnapshot = {
    sizeof(shoji_hypervisor_snapshot_v1), 0,
    [](shoji_vm* vm, const shoji_call* call, shoji_str dir, std::uint32_t flags,
       shoji_error* error) -> std::int32_t {
      return Of(vm).Answer("save " + Text(dir) + " " + std::to_string(flags), call, error);
    },
    [](shoji_hypervisor* hypervisor, const shoji_call* call, shoji_str dir,
       const shoji_vm_config* config, std::uint32_t flags, shoji_vm** ret_vm,
       shoji_error* error) -> std::int32_t {
      Machine& machine = Of(hypervisor);
      const auto code = machine.Answer(
          "restore " + Text(config->id) + " " + Text(dir) + " " + std::to_string(flags), call,
          error);
      if (code == SHOJI_OK && !machine.null) *ret_vm = reinterpret_cast<shoji_vm*>(hypervisor);
      return code;
    },
    nullptr};

const shoji_hypervisor_console_v1 kConsole = {
    sizeof(shoji_hypervisor_console_v1), 0,
    [](shoji_vm* vm, const shoji_call* call, std::int32_t* fd, shoji_error* error) -> std::int32_t {
      if (!Of(vm).null) *fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
      return Of(vm).Answer("console", call, error);
    }};

const shoji_hypervisor_stats_v1 kStats = {
    sizeof(shoji_hypervisor_stats_v1), 0,
    [](shoji_vm* vm, const shoji_call* call, shoji_vm_stats* stats,
       shoji_error* error) -> std::int32_t {
      *stats = {stats->struct_size, 1, 2, 3, 4, 5, 6};
      return Of(vm).Answer("stats " + std::to_string(stats->struct_size), call, error);
    }};

const std::map<std::string, const void*> kAll = {
    {SHOJI_HYPERVISOR_HOTPLUG_V1, &kHotplug},   {SHOJI_HYPERVISOR_RESIZE_V1, &kResize},
    {SHOJI_HYPERVISOR_SHARES_V1, &kShares},     {SHOJI_HYPERVISOR_PAUSE_V1, &kPause},
    {SHOJI_HYPERVISOR_SNAPSHOT_V1, &kSnapshot}, {SHOJI_HYPERVISOR_CONSOLE_V1, &kConsole},
    {SHOJI_HYPERVISOR_STATS_V1, &kStats}};

shoji_hypervisor_v1 Table() {
  shoji_hypervisor_v1 table{};
  table.struct_size = sizeof(table);
  table.close_vm = [](shoji_vm* vm) { ++Of(vm).closed; };
  table.destroy = [](shoji_vm*, const shoji_call*, shoji_error*) -> std::int32_t {
    return SHOJI_OK;
  };
  table.get_extension = [](shoji_vm* vm, const char* id) -> const void* {
    const auto it = Of(vm).tables.find(id);
    return it == Of(vm).tables.end() ? nullptr : it->second;
  };
  return table;
}

// Every optional call, by the name of its slot.
struct Slot {
  const char* name;
  std::function<Status(Vm&)> call;
};
const std::vector<Slot> kSlots = {
    {"attach",
     [](Vm& vm) {
       return vm.AttachDevice({}, {"d", VmVsock{3}}).status();
     }},
    {"detach", [](Vm& vm) { return vm.DetachDevice({}, "d"); }},
    {"limit_block", [](Vm& vm) { return vm.LimitBlock({}, "d", nullptr); }},
    {"size", [](Vm& vm) { return vm.Size({}).status(); }},
    {"set_vcpus", [](Vm& vm) { return vm.SetVcpus({}, 2).status(); }},
    {"set_memory", [](Vm& vm) { return vm.SetMemory({}, 2, 0).status(); }},
    {"share_mount", [](Vm& vm) { return vm.ShareMount("tag").status(); }},
    {"pause", [](Vm& vm) { return vm.Pause({}); }},
    {"resume", [](Vm& vm) { return vm.Resume({}); }},
    {"save", [](Vm& vm) { return vm.SaveSnapshot({}, "/dir", false); }},
    {"open_console", [](Vm& vm) { return vm.OpenConsole({}).status(); }},
    {"stats", [](Vm& vm) { return vm.Stats({}).status(); }}};

class VmExtensions : public ::testing::Test {
 protected:
  VmExtensions() { machine_.tables = kAll; }
  shoji_vm* handle() { return reinterpret_cast<shoji_vm*>(&machine_); }
  shoji_hypervisor* hypervisor() { return reinterpret_cast<shoji_hypervisor*>(&machine_); }
  void ExpectAllUnimplemented(Vm& vm) {
    for (const Slot& slot : kSlots) {
      const Status status = slot.call(vm);
      EXPECT_EQ(status.code(), StatusCode::kUnimplemented) << slot.name;
      EXPECT_EQ(status.message(),
                std::string("plugin hypervisor fake does not offer the call ") + slot.name);
    }
    EXPECT_TRUE(machine_.calls.empty());
  }

  Machine machine_;
  shoji_hypervisor_v1 table_ = Table();
};

TEST_F(VmExtensions, PassOnWhatTheyAreGiven) {
  Vm vm(&table_, handle(), "hypervisor fake");
  EXPECT_TRUE(vm.can_hotplug() && vm.can_resize() && vm.can_pause() && vm.can_save());
  machine_.text = R"({"cid":3})";
  const Deadline limit = Deadline::After(std::chrono::hours(1));
  EXPECT_EQ(vm.AttachDevice({limit, 7}, {"d", VmVsock{3}}).value(), R"({"cid":3})");
  EXPECT_EQ(machine_.deadline, limit.nanos());
  EXPECT_EQ(machine_.cancel_fd, 7);
  EXPECT_TRUE(vm.DetachDevice({}, "d").ok());
  EXPECT_EQ(machine_.cancel_fd, -1);
  const DiskLimits limits{10, 0, 0, 0, 20};
  EXPECT_TRUE(vm.LimitBlock({}, "d", &limits).ok());
  EXPECT_TRUE(vm.LimitBlock({}, "d", nullptr).ok());
  EXPECT_EQ(vm.ShareMount("tag").value(), R"({"cid":3})");
  EXPECT_TRUE(vm.Pause({}).ok());
  EXPECT_TRUE(vm.Resume({}).ok());
  EXPECT_TRUE(vm.SaveSnapshot({}, "/dir", false).ok());
  EXPECT_TRUE(vm.SaveSnapshot({}, "/dir", true).ok());
  EXPECT_THAT(machine_.calls,
              ElementsAre("attach d", "detach d", "limit d 10 20", "limit d none", "share tag",
                          "pause", "resume", "save /dir 0", "save /dir 1"));
}

TEST_F(VmExtensions, GiveBackNumbersAndDescriptors) {
  Vm vm(&table_, handle(), "hypervisor fake");
  const auto size = vm.Size({});
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->vcpus, 1U);
  EXPECT_EQ(size->max_vcpus, 2U);
  EXPECT_EQ(size->memory_bytes, 3U);
  EXPECT_EQ(size->max_memory_bytes, 4U);
  EXPECT_EQ(size->probe_address, 5U);
  EXPECT_EQ(vm.SetVcpus({}, 4)->vcpus, 3U);  // as near as it can
  EXPECT_EQ(vm.SetMemory({}, UINT64_MAX - 1, 1)->memory_bytes, UINT64_MAX);
  const auto stats = vm.Stats({});
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->vcpus, 1U);
  EXPECT_EQ(stats->cpu_ns, 2U);
  EXPECT_EQ(stats->vmm_cpu_ns, 3U);
  EXPECT_EQ(stats->resident_bytes, 4U);
  EXPECT_EQ(stats->block_read_bytes, 5U);
  EXPECT_EQ(stats->block_write_bytes, 6U);
  const auto console = vm.OpenConsole({});
  ASSERT_TRUE(console.ok());
  EXPECT_GE(fcntl(console->get(), F_GETFD), 0);
  machine_.null = true;
  EXPECT_THAT(vm.OpenConsole({}).status().message(), HasSubstr("without giving a handle"));
  EXPECT_EQ(machine_.calls[0], "size " + std::to_string(sizeof(shoji_vm_size)));
}

TEST_F(VmExtensions, WhatIsNotOfferedNamesPluginAndCall) {
  {
    Vm vm(&table_, handle(), "hypervisor fake");
    machine_.tables.clear();
    EXPECT_FALSE(vm.can_hotplug() || vm.can_resize() || vm.can_pause() || vm.can_save());
    ExpectAllUnimplemented(vm);
    // Tables that end before their first slot, and tables without any function.
    const struct {
      std::uint32_t struct_size;
      std::uint32_t reserved0;
    } empty = {8, 0};
    for (const auto& [id, table] : kAll) machine_.tables[id] = &empty;
    ExpectAllUnimplemented(vm);
    alignas(8) char null_slots[256] = {};
    reinterpret_cast<shoji_device*>(null_slots)->struct_size = sizeof(null_slots);
    for (const auto& [id, table] : kAll) machine_.tables[id] = null_slots;
    ExpectAllUnimplemented(vm);
    machine_.tables = kAll;
    table_.struct_size = offsetof(shoji_hypervisor_v1, get_extension);
    ExpectAllUnimplemented(vm);
  }
  EXPECT_EQ(machine_.closed, 1);
}

// A plugin built when the table was shorter.
TEST_F(VmExtensions, AShortTableIsReadToItsEndOnly) {
  shoji_hypervisor_hotplug_v1 hotplug = kHotplug;
  hotplug.struct_size = offsetof(shoji_hypervisor_hotplug_v1, limit_block);
  machine_.tables[SHOJI_HYPERVISOR_HOTPLUG_V1] = &hotplug;
  Vm vm(&table_, handle(), "hypervisor old");
  EXPECT_TRUE(vm.DetachDevice({}, "d").ok());
  EXPECT_EQ(vm.LimitBlock({}, "d", nullptr).message(),
            "plugin hypervisor old does not offer the call limit_block");
}

TEST_F(VmExtensions, FailuresAreThePluginsOwn) {
  Vm vm(&table_, handle(), "hypervisor fake");
  for (const Slot& slot : kSlots) {
    machine_.code = SHOJI_RESOURCE_EXHAUSTED;
    machine_.mute = false;
    const Status said = slot.call(vm);
    EXPECT_EQ(said.code(), StatusCode::kResourceExhausted) << slot.name;
    EXPECT_EQ(said.message(), "the machine refuses");
    EXPECT_EQ(said.sys_errno(), 5);
    machine_.mute = true;
    const std::string who = std::string("plugin hypervisor fake: call ") + slot.name;
    EXPECT_EQ(slot.call(vm).message(), who + " failed with RESOURCE_EXHAUSTED and no message");
    machine_.code = 4711;
    EXPECT_EQ(slot.call(vm).message(), who + " failed with the unknown code 4711");
  }
}

TEST_F(VmExtensions, AfterDestroyTheHandleIsGone) {
  Vm vm(&table_, handle(), "hypervisor fake");
  ASSERT_TRUE(vm.Destroy({}).ok());
  EXPECT_FALSE(vm.can_hotplug() || vm.can_pause());
  for (const Slot& slot : kSlots) {
    EXPECT_EQ(slot.call(vm).code(), StatusCode::kFailedPrecondition) << slot.name;
  }
  EXPECT_TRUE(machine_.calls.empty());
}

TEST_F(VmExtensions, AnAnswerWithoutEndIsRefused) {
  Vm vm(&table_, handle(), "hypervisor fake");
  machine_.text.assign(kMaxText + 1, 'x');
  EXPECT_FALSE(vm.AttachDevice({}, {"d", VmVsock{3}}).ok());
  EXPECT_FALSE(vm.ShareMount("tag").ok());
  machine_.text.pop_back();
  EXPECT_EQ(vm.ShareMount("tag")->size(), kMaxText);
}

// ---- restore -----------------------------------------------------------------------

class RestoreTest : public VmExtensions {
 protected:
  RestoreTest() {
    table_.create = [](shoji_hypervisor* hypervisor, const shoji_call* call,
                       const shoji_vm_config* config, shoji_vm** ret_vm,
                       shoji_error* error) -> std::int32_t {
      Machine& machine = Of(hypervisor);
      machine.calls.push_back("create " + Text(config->id));
      if (Text(config->id) == "none") return SHOJI_OK;
      if (Text(config->id) == "bad") {
        machine.code = SHOJI_NOT_FOUND;
        return machine.Answer("bad", call, error);
      }
      *ret_vm = reinterpret_cast<shoji_vm*>(hypervisor);
      return SHOJI_OK;
    };
  }
  Status Restore(const std::string& id, bool shared_memory = false) {
    Hypervisor hypervisor(&table_, this->hypervisor(), "fake");
    VmConfig config;
    config.id = id;
    return hypervisor.Restore({}, "/dir", config, shared_memory).status();
  }
};

// The VM that was asked for the table is given back, as is the restored one.
TEST_F(RestoreTest, AsksAVmThatIsNeverStarted) {
  EXPECT_TRUE(Restore("box").ok());
  EXPECT_THAT(machine_.calls, ElementsAre("create box", "restore box /dir 0"));
  EXPECT_EQ(machine_.closed, 2);
  EXPECT_TRUE(Restore("box", true).ok());
  EXPECT_EQ(machine_.calls.back(), "restore box /dir 1");
}

TEST_F(RestoreTest, EveryFailureGivesBackWhatItMade) {
  EXPECT_THAT(Restore("none").message(), HasSubstr("call create succeeded without giving"));
  EXPECT_EQ(Restore("bad").message(), "the machine refuses");
  EXPECT_EQ(machine_.closed, 0);
  machine_.code = SHOJI_DATA_LOSS;
  EXPECT_EQ(Restore("box").code(), StatusCode::kDataLoss);
  EXPECT_EQ(machine_.closed, 1);
  machine_.mute = true;
  EXPECT_EQ(Restore("box").message(),
            "plugin hypervisor fake: call restore failed with DATA_LOSS and no message");
  EXPECT_EQ(machine_.closed, 2);
  machine_.code = SHOJI_OK;
  machine_.null = true;
  EXPECT_THAT(Restore("box").message(), HasSubstr("call restore succeeded without giving"));
  EXPECT_EQ(machine_.closed, 3);
}

TEST_F(RestoreTest, WhatIsNotOfferedIsNamed) {
  const std::string no = "plugin hypervisor fake does not offer the call ";
  shoji_hypervisor_snapshot_v1 snapshot = kSnapshot;
  snapshot.struct_size = offsetof(shoji_hypervisor_snapshot_v1, restore);
  machine_.tables[SHOJI_HYPERVISOR_SNAPSHOT_V1] = &snapshot;
  EXPECT_EQ(Restore("box").message(), no + "restore");
  machine_.tables.clear();
  EXPECT_EQ(Restore("box").message(), no + "restore");
  EXPECT_EQ(machine_.closed, 2);
  table_.create = nullptr;
  EXPECT_EQ(Restore("box").message(), no + "create");
}

}  // namespace
}  // namespace shoji

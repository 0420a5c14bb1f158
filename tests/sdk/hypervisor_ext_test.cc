// The optional tables of a VM: which there are, and what passes through them.
#include <gtest/gtest.h>

#include "shoji/sdk/hypervisor_hotplug.h"
#include "shoji/sdk/hypervisor_state.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::sdk {
namespace {

using testing::FakeError;
using testing::FakeHost;
using testing::FakeSink;

class PlainVm : public Vm {
 public:
  Status Start(const HypervisorCall&) override { return OkStatus(); }
  Status Stop(const HypervisorCall&, bool) override { return OkStatus(); }
  int WaitFd() override { return -1; }
  Result<std::vector<std::int32_t>> Pids() override { return std::vector<std::int32_t>(); }
  Result<std::string> AgentEndpoint() override { return std::string(); }
  Result<std::string> LastWords() override { return std::string(); }
  Result<std::string> SaveState() override { return std::string(); }
  Status Destroy(const HypervisorCall&) override { return OkStatus(); }
};

class RichVmm;
class RichVm : public PlainVm {
 public:
  Result<std::string> Attach(const HypervisorCall&, const HotplugDevice& device) {
    last = device;
    return std::string("{}");
  }
  Status Detach(const HypervisorCall&, std::string_view) { return OkStatus(); }
  Status LimitBlock(const HypervisorCall&, std::string_view, const BlockLimits* limits) {
    limited = limits == nullptr ? 0 : limits->ops_per_s;
    return OkStatus();
  }
  Result<VmSize> Size(const HypervisorCall&) { return VmSize{2, 4, 100, 200, 0}; }
  Result<VmSize> SetVcpus(const HypervisorCall&, std::uint32_t vcpus) {
    if (vcpus > 4) return InvalidArgument("at most 4");
    return VmSize{vcpus, 4, 100, 200, 0};
  }
  Result<VmSize> SetMemory(const HypervisorCall&, std::uint64_t bytes, std::uint64_t) {
    return VmSize{2, 4, bytes, 200, 0x1000};
  }
  Status Pause(const HypervisorCall&) { return OkStatus(); }
  Status Resume(const HypervisorCall&) { return FailedPrecondition("not paused"); }
  Status Save(const HypervisorCall&, const std::string& dir, bool shared_memory) {
    saved = dir + (shared_memory ? " shared" : "");
    return OkStatus();
  }
  Status AwaitAgentPort(const HypervisorCall&) { return Unavailable("no agent comes"); }
  Result<int> OpenConsole(const HypervisorCall&) { return 7; }
  Result<VmStats> Stats(const HypervisorCall&) { return VmStats{2, 1, 2, 3, 4, 5}; }
  const void* Extension(std::string_view id) override;

  HotplugDevice last;
  std::uint64_t limited = 99;
  std::string saved;
};

class RichVmm : public Hypervisor {
 public:
  static Result<std::unique_ptr<Hypervisor>> Open(const Host&, const OptionMap&) {
    return std::unique_ptr<Hypervisor>(new RichVmm);
  }
  Report Check(const HypervisorCall&) override { return {"[]", OkStatus()}; }
  Result<std::unique_ptr<Vm>> Create(const HypervisorCall&, VmConfig) override {
    auto vm = std::make_unique<RichVm>();
    made = vm.get();
    return std::unique_ptr<Vm>(std::move(vm));
  }
  Attached Attach(const HypervisorCall&, std::string_view) override {
    return {nullptr, OkStatus()};
  }
  Result<std::unique_ptr<Vm>> Restore(const HypervisorCall&, const std::string& dir, VmConfig,
                                      bool) {
    if (dir == "/torn") return DataLoss("half a state");
    return std::unique_ptr<Vm>(new RichVm);
  }
  static inline RichVm* made = nullptr;
};

const void* RichVm::Extension(std::string_view id) {
  const void* table = VmHotplugExtension<RichVm>(id);
  return table != nullptr ? table : VmStateExtension<RichVm, RichVmm>(id);
}

class ExtensionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(table_.open(&interfaces_, nullptr, &vmm_, error_.raw()), SHOJI_OK);
    config_.struct_size = sizeof config_;
    config_.id = ToStr("vm1");
    ASSERT_EQ(table_.create(vmm_, nullptr, &config_, &vm_, error_.raw()), SHOJI_OK);
  }
  void TearDown() override {
    table_.close_vm(vm_);
    table_.close(vmm_);
  }
  template <typename Table>
  const Table* Get(const char* id) {
    return static_cast<const Table*>(table_.get_extension(vm_, id));
  }
  std::int32_t Attach(std::uint32_t kind, const void* detail) {
    const shoji_device device = {sizeof device, kind, ToStr("d1"), detail};
    FakeSink sink;
    return Get<shoji_hypervisor_hotplug_v1>(SHOJI_HYPERVISOR_HOTPLUG_V1)
        ->attach(vm_, nullptr, &device, sink.raw(), error_.raw());
  }

  FakeHost fake_;
  Interfaces interfaces_{fake_.raw()};
  const shoji_hypervisor_v1& table_ = *HypervisorTable<RichVmm>();
  FakeError error_;
  shoji_vm_config config_{};
  shoji_hypervisor* vmm_ = nullptr;
  shoji_vm* vm_ = nullptr;
};

TEST(VmExtension, AClassWithoutTheMembersHasNoTable) {
  for (const char* id :
       {SHOJI_HYPERVISOR_HOTPLUG_V1, SHOJI_HYPERVISOR_RESIZE_V1, SHOJI_HYPERVISOR_PAUSE_V1,
        SHOJI_HYPERVISOR_SNAPSHOT_V1, SHOJI_HYPERVISOR_CONSOLE_V1, SHOJI_HYPERVISOR_STATS_V1}) {
    EXPECT_EQ(VmHotplugExtension<PlainVm>(id), nullptr) << id;
    EXPECT_EQ(VmStateExtension<PlainVm>(id), nullptr) << id;
  }
}

TEST_F(ExtensionTest, AClassWithThemHasAll) {
  for (const char* id :
       {SHOJI_HYPERVISOR_HOTPLUG_V1, SHOJI_HYPERVISOR_RESIZE_V1, SHOJI_HYPERVISOR_PAUSE_V1,
        SHOJI_HYPERVISOR_SNAPSHOT_V1, SHOJI_HYPERVISOR_CONSOLE_V1, SHOJI_HYPERVISOR_STATS_V1}) {
    EXPECT_NE(table_.get_extension(vm_, id), nullptr) << id;
  }
  EXPECT_EQ(table_.get_extension(vm_, "shoji.hypervisor.pause/2"), nullptr);
}

TEST_F(ExtensionTest, DevicesAreReadByTheirKind) {
  const shoji_block_limits limits = {sizeof limits, 0, 1, 2, 3, 4, 5};
  shoji_block_device block = {sizeof block, SHOJI_BLOCK_READONLY, ToStr("/disk"), ToStr(""),
                              &limits};
  ASSERT_EQ(Attach(SHOJI_DEVICE_BLOCK, &block), SHOJI_OK) << error_.message;
  const auto& got = std::get<BlockDevice>(RichVmm::made->last.detail);
  EXPECT_EQ(got.path, "/disk");
  EXPECT_EQ(got.format, "raw");
  ASSERT_TRUE(got.limits.has_value());
  EXPECT_EQ(got.limits->burst_ms, 5U);
  shoji_nic nic{};
  nic.struct_size = sizeof nic;
  nic.queues = 2;
  ASSERT_EQ(Attach(SHOJI_DEVICE_NIC, &nic), SHOJI_OK) << error_.message;
  EXPECT_EQ(std::get<NicDevice>(RichVmm::made->last.detail).tap_fds.size(), 2U);
  const shoji_share share = {sizeof share, SHOJI_SHARE_READONLY, ToStr("t"), ToStr("/d")};
  ASSERT_EQ(Attach(SHOJI_DEVICE_SHARE, &share), SHOJI_OK) << error_.message;
  EXPECT_TRUE(std::get<VmShareConfig>(RichVmm::made->last.detail).read_only);
  const shoji_vsock_device vsock = {sizeof vsock, 3};
  EXPECT_EQ(Attach(SHOJI_DEVICE_VSOCK, &vsock), SHOJI_OK) << error_.message;
}

TEST_F(ExtensionTest, BadDevicesNeverReachTheClass) {
  shoji_block_device block = {sizeof block, 0x4000, ToStr("/disk"), ToStr("raw"), nullptr};
  EXPECT_EQ(Attach(SHOJI_DEVICE_BLOCK, &block), SHOJI_INVALID_ARGUMENT);
  block.flags = 0;
  block.format = ToStr("vmdk");
  EXPECT_EQ(Attach(SHOJI_DEVICE_BLOCK, &block), SHOJI_INVALID_ARGUMENT);
  EXPECT_NE(error_.message.find("vmdk"), std::string::npos);
  block.struct_size = 8;
  EXPECT_EQ(Attach(SHOJI_DEVICE_BLOCK, &block), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(Attach(SHOJI_DEVICE_SHARE, nullptr), SHOJI_INVALID_ARGUMENT);
  shoji_nic nic{};
  nic.struct_size = sizeof nic;
  nic.queues = 17;
  EXPECT_EQ(Attach(SHOJI_DEVICE_NIC, &nic), SHOJI_INVALID_ARGUMENT);
  const shoji_vsock_device vsock = {sizeof vsock, 2};
  EXPECT_EQ(Attach(SHOJI_DEVICE_VSOCK, &vsock), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(Attach(99, &vsock), SHOJI_UNIMPLEMENTED);
  EXPECT_EQ(RichVmm::made->last.id, "");
}

TEST_F(ExtensionTest, LimitsMayBeLifted) {
  const auto* hotplug = Get<shoji_hypervisor_hotplug_v1>(SHOJI_HYPERVISOR_HOTPLUG_V1);
  EXPECT_EQ(hotplug->limit_block(vm_, nullptr, ToStr("d1"), nullptr, error_.raw()), SHOJI_OK);
  EXPECT_EQ(RichVmm::made->limited, 0U);
}

TEST_F(ExtensionTest, SizesLeaveTheOutputAloneOnFailure) {
  const auto* resize = Get<shoji_hypervisor_resize_v1>(SHOJI_HYPERVISOR_RESIZE_V1);
  shoji_vm_size size{};
  size.struct_size = sizeof size;
  EXPECT_EQ(resize->set_vcpus(vm_, nullptr, 5, &size, error_.raw()), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(size.max_vcpus, 0U);
  EXPECT_EQ(resize->set_vcpus(vm_, nullptr, 3, &size, error_.raw()), SHOJI_OK);
  EXPECT_EQ(size.vcpus, 3U);
  EXPECT_EQ(resize->set_memory(vm_, nullptr, 150, 0, &size, error_.raw()), SHOJI_OK);
  EXPECT_EQ(size.probe_address, 0x1000U);
  size = {};
  size.struct_size = 8;
  EXPECT_EQ(resize->size(vm_, nullptr, &size, error_.raw()), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(size.max_vcpus, 0U);
}

TEST_F(ExtensionTest, SnapshotsConsoleAndStatistics) {
  const auto* snapshot = Get<shoji_hypervisor_snapshot_v1>(SHOJI_HYPERVISOR_SNAPSHOT_V1);
  EXPECT_EQ(snapshot->save(vm_, nullptr, ToStr("/d"), SHOJI_SNAPSHOT_SHARED_MEMORY, error_.raw()),
            SHOJI_OK);
  EXPECT_EQ(RichVmm::made->saved, "/d shared");
  EXPECT_EQ(snapshot->save(vm_, nullptr, ToStr("/d"), 0x20, error_.raw()), SHOJI_INVALID_ARGUMENT);
  shoji_vm* vm = nullptr;
  EXPECT_EQ(snapshot->restore(vmm_, nullptr, ToStr("/torn"), &config_, 0, &vm, error_.raw()),
            SHOJI_DATA_LOSS);
  EXPECT_EQ(vm, nullptr);
  EXPECT_EQ(snapshot->restore(vmm_, nullptr, ToStr("/d"), &config_, 0, &vm, error_.raw()),
            SHOJI_OK);
  table_.close_vm(vm);
  EXPECT_EQ(snapshot->await_agent_port(vm_, nullptr, error_.raw()), SHOJI_UNAVAILABLE);
  EXPECT_EQ(error_.message, "no agent comes");
  std::int32_t fd = -1;
  EXPECT_EQ(Get<shoji_hypervisor_console_v1>(SHOJI_HYPERVISOR_CONSOLE_V1)
                ->open_console(vm_, nullptr, &fd, error_.raw()),
            SHOJI_OK);
  EXPECT_EQ(fd, 7);
  shoji_vm_stats stats{};
  stats.struct_size = sizeof stats;
  EXPECT_EQ(Get<shoji_hypervisor_stats_v1>(SHOJI_HYPERVISOR_STATS_V1)
                ->stats(vm_, nullptr, &stats, error_.raw()),
            SHOJI_OK);
  EXPECT_EQ(stats.block_write_bytes, 5U);
}

TEST_F(ExtensionTest, IdsAreCheckedForEveryVmm) {
  shoji_vm* vm = nullptr;
  const std::string longest(65, 'x');
  for (const std::string& id : {std::string(), std::string("../up"), std::string(".."), longest,
                                std::string("a b"), std::string("a\0b", 3)}) {
    config_.id = ToStr(id);
    EXPECT_EQ(table_.create(vmm_, nullptr, &config_, &vm, error_.raw()), SHOJI_INVALID_ARGUMENT)
        << id;
  }
  EXPECT_EQ(vm, nullptr);
}

TEST_F(ExtensionTest, AnAttachThatGivesNothingIsAnError) {
  shoji_vm* vm = nullptr;
  EXPECT_EQ(table_.attach(vmm_, nullptr, ToStr("x"), &vm, error_.raw()), SHOJI_INTERNAL);
  EXPECT_EQ(vm, nullptr);
}

}  // namespace
}  // namespace shoji::sdk

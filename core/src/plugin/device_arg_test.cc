// Devices and configurations in the ABI's form.
#include "plugin/device_arg.h"

#include <gtest/gtest.h>

#include <numeric>

#include "plugin/vm_config_arg.h"

namespace shoji {
namespace {

std::string Text(shoji_str text) { return {text.data, static_cast<std::size_t>(text.size)}; }

// The detail of a device of this kind; every detail begins with its size.
template <typename Raw>
const Raw& Detail(const DeviceArg& arg, std::uint32_t kind) {
  EXPECT_EQ(arg.get()->struct_size, sizeof(shoji_device));
  EXPECT_EQ(arg.get()->kind, kind);
  const auto* raw = static_cast<const Raw*>(arg.get()->detail);
  EXPECT_EQ(raw->struct_size, sizeof(Raw));
  return *raw;
}

TEST(DeviceArg, Block) {
  VmDevice device{"data", VmBlock{"/srv/data.img", "qcow2", SHOJI_BLOCK_READONLY, {}}};
  {
    const DeviceArg arg(device);
    const auto& raw = Detail<shoji_block_device>(arg, SHOJI_DEVICE_BLOCK);
    EXPECT_EQ(Text(arg.get()->id), "data");
    EXPECT_EQ(Text(raw.path), "/srv/data.img");
    EXPECT_EQ(Text(raw.format), "qcow2");
    EXPECT_EQ(raw.flags, SHOJI_BLOCK_READONLY);
    EXPECT_EQ(raw.limits, nullptr);
  }
  std::get<VmBlock>(device.detail).limits = DiskLimits{1, 2, 3, 4, 5};
  const DeviceArg arg(device);
  const auto* limits = Detail<shoji_block_device>(arg, SHOJI_DEVICE_BLOCK).limits;
  ASSERT_NE(limits, nullptr);
  EXPECT_EQ(limits->struct_size, sizeof(shoji_block_limits));
  EXPECT_EQ(limits->bytes_per_s, 1U);
  EXPECT_EQ(limits->burst_bytes_per_s, 2U);
  EXPECT_EQ(limits->ops_per_s, 3U);
  EXPECT_EQ(limits->burst_ops_per_s, 4U);
  EXPECT_EQ(limits->burst_ms, 5U);
}

TEST(DeviceArg, NicQueues) {
  Nic nic{"eth0", "02:00:00:00:00:01", 1400, {10, 11}, {20}};
  {
    const VmDevice device{"nic", nic};
    const DeviceArg arg(device);
    const auto& raw = Detail<shoji_nic>(arg, SHOJI_DEVICE_NIC);
    EXPECT_EQ(raw.queues, 2U);
    EXPECT_EQ(Text(raw.id), "eth0");
    EXPECT_EQ(Text(raw.mac), "02:00:00:00:00:01");
    EXPECT_EQ(raw.mtu, 1400U);
    EXPECT_EQ(raw.tap_fds[1], 11);
    EXPECT_EQ(raw.vhost_fds[0], 20);
    EXPECT_EQ(raw.vhost_fds[1], -1);  // not given: none
  }
  // One more than the struct has room for.
  nic.tap_fds.resize(SHOJI_NIC_MAX_QUEUES + 1);
  std::iota(nic.tap_fds.begin(), nic.tap_fds.end(), 100);
  nic.vhost_fds = nic.tap_fds;
  const VmDevice many{"nic", nic};
  const DeviceArg arg(many);
  const auto& raw = Detail<shoji_nic>(arg, SHOJI_DEVICE_NIC);
  EXPECT_EQ(raw.queues, SHOJI_NIC_MAX_QUEUES);
  EXPECT_EQ(raw.tap_fds[SHOJI_NIC_MAX_QUEUES - 1], 99 + static_cast<int>(SHOJI_NIC_MAX_QUEUES));
  const VmDevice none{"nic", Nic{"eth0", "", 0, {}, {7}}};
  EXPECT_EQ(Detail<shoji_nic>(DeviceArg(none), SHOJI_DEVICE_NIC).queues, 0U);
}

TEST(DeviceArg, Others) {
  const VmDevice share{"s", VmShare{"tag", "/srv", true}};
  const DeviceArg share_arg(share);
  const auto& raw_share = Detail<shoji_share>(share_arg, SHOJI_DEVICE_SHARE);
  EXPECT_EQ(Text(raw_share.tag) + " " + Text(raw_share.host_path), "tag /srv");
  EXPECT_EQ(raw_share.flags, SHOJI_SHARE_READONLY);
  EXPECT_EQ(ToRaw(VmShare{"tag", "/srv", false}).flags, 0U);
  const VmDevice vsock{"v", VmVsock{42}};
  EXPECT_EQ(Detail<shoji_vsock_device>(DeviceArg(vsock), SHOJI_DEVICE_VSOCK).cid, 42U);
  const VmDevice vfio{"f", VmVfio{"0000:03:00.0"}};
  const DeviceArg vfio_arg(vfio);
  EXPECT_EQ(Text(Detail<shoji_vfio_device>(vfio_arg, SHOJI_DEVICE_VFIO).address), "0000:03:00.0");
  const VmDevice vhost{"u", VmVhostUser{"net", "/run/u.sock", "02:00:00:00:00:02", "t"}};
  const DeviceArg vhost_arg(vhost);
  const auto& raw = Detail<shoji_vhost_user_device>(vhost_arg, SHOJI_DEVICE_VHOST_USER);
  EXPECT_EQ(Text(raw.type) + " " + Text(raw.socket), "net /run/u.sock");
  EXPECT_EQ(Text(raw.mac) + " " + Text(raw.tag), "02:00:00:00:00:02 t");
}

TEST(VmConfigArg, EmptyListsHaveNoItems) {
  const VmConfig config;
  const VmConfigArg arg(config);
  const shoji_vm_config& raw = *arg.get();
  EXPECT_EQ(raw.struct_size, sizeof(raw));
  EXPECT_EQ(raw.vcpus, 1U);
  EXPECT_EQ(raw.share_count, 0U);
  EXPECT_EQ(raw.device_count, 0U);
  EXPECT_EQ(raw.flags, 0U);
  for (const shoji_str text : {raw.id, raw.run_dir, raw.kernel, raw.initrd, raw.kernel_params,
                               raw.image, raw.memory_path}) {
    EXPECT_EQ(text.size, 0U);
  }
}

TEST(VmConfigArg, EverythingIsPassedOn) {
  VmConfig config;
  config.id = "box";
  config.vcpus = 3;
  config.memory_bytes = 1U << 30U;
  config.run_dir = "/run";
  config.kernel = "/kernel";
  config.initrd = "/initrd";
  config.kernel_params = "quiet";
  config.image = "/image";
  config.memory_path = "/memory";
  config.shares = {{"a", "/a", false}, {"b", "/b", true}};
  config.devices = {{"disk", VmBlock{"/disk", "raw", 0, DiskLimits{9, 0, 0, 0, 0}}},
                    {"v", VmVsock{3}}};
  const VmConfigArg arg(config);
  const shoji_vm_config& raw = *arg.get();
  EXPECT_EQ(raw.vcpus, 3U);
  EXPECT_EQ(raw.memory_bytes, 1U << 30U);
  EXPECT_EQ(Text(raw.id) + Text(raw.run_dir) + Text(raw.kernel) + Text(raw.initrd),
            "box/run/kernel/initrd");
  EXPECT_EQ(Text(raw.kernel_params) + Text(raw.image) + Text(raw.memory_path),
            "quiet/image/memory");
  EXPECT_EQ(raw.flags, SHOJI_VM_MEMORY_FILE);
  ASSERT_EQ(raw.share_count, 2U);
  EXPECT_EQ(Text(raw.shares[0]->tag) + Text(raw.shares[1]->host_path), "a/b");
  EXPECT_EQ(raw.shares[1]->flags, SHOJI_SHARE_READONLY);
  ASSERT_EQ(raw.device_count, 2U);
  const auto* disk = static_cast<const shoji_block_device*>(raw.devices[0]->detail);
  EXPECT_EQ(disk->limits->bytes_per_s, 9U);
  EXPECT_EQ(Text(raw.devices[1]->id), "v");
}

}  // namespace
}  // namespace shoji

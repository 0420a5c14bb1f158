// Devices in the ABI's form.
//
// Threads  As values. Each object is valid as long as what it was made from.
// Example  DeviceArg arg(device);  table->attach(vm, call, arg.get(), sink, error);
#ifndef SHOJI_CORE_PLUGIN_DEVICE_ARG_H_
#define SHOJI_CORE_PLUGIN_DEVICE_ARG_H_

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "plugin/device.h"
#include "shoji/plugin/hypervisor_hotplug.h"

namespace shoji {

shoji_share ToRaw(const VmShare& share);
shoji_block_limits ToRaw(const DiskLimits& limits);

class DeviceArg {
 public:
  explicit DeviceArg(const VmDevice& device);
  DeviceArg(const DeviceArg&) = delete;
  DeviceArg& operator=(const DeviceArg&) = delete;
  const shoji_device* get() const { return &raw_; }

 private:
  struct Block {
    shoji_block_device device{};
    shoji_block_limits limits{};
  };
  void Set(const VmBlock& block);
  void Set(const Nic& nic);
  void Set(const VmShare& share);
  void Set(const VmVsock& vsock);
  void Set(const VmVfio& vfio);
  void Set(const VmVhostUser& device);
  template <typename Raw>
  void Use(std::uint32_t kind, Raw raw);

  std::variant<std::monostate, Block, shoji_nic, shoji_share, shoji_vsock_device, shoji_vfio_device,
               shoji_vhost_user_device>
      detail_;
  shoji_device raw_{};
};

// Several, as an array of pointers.
class DeviceArgs {
 public:
  explicit DeviceArgs(const std::vector<VmDevice>& devices);
  const shoji_device* const* data() const { return pointers_.data(); }
  std::uint32_t size() const { return static_cast<std::uint32_t>(pointers_.size()); }

 private:
  std::vector<std::unique_ptr<DeviceArg>> items_;
  std::vector<const shoji_device*> pointers_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_DEVICE_ARG_H_

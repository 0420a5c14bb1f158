// VmConfig in the ABI's form.
//
// Threads  As a value; valid as long as the VmConfig is.
// Example  const VmConfigArg config(request.config);  table->create(h, call, config.get(), ...)
#ifndef SHOJI_CORE_PLUGIN_VM_CONFIG_ARG_H_
#define SHOJI_CORE_PLUGIN_VM_CONFIG_ARG_H_

#include <vector>

#include "plugin/device_arg.h"
#include "plugin/interfaces.h"
#include "plugin/slots.h"

namespace shoji {

class VmConfigArg {
 public:
  explicit VmConfigArg(const VmConfig& config) : devices_(config.devices) {
    for (const VmShare& share : config.shares) shares_.push_back(ToRaw(share));
    for (const shoji_share& share : shares_) pointers_.push_back(&share);
    raw_.struct_size = sizeof(raw_);
    raw_.vcpus = config.vcpus;
    raw_.memory_bytes = config.memory_bytes;
    raw_.id = ToStr(config.id);
    raw_.run_dir = ToStr(config.run_dir);
    raw_.kernel = ToStr(config.kernel);
    raw_.initrd = ToStr(config.initrd);
    raw_.kernel_params = ToStr(config.kernel_params);
    raw_.shares = pointers_.data();
    raw_.share_count = Count(pointers_.size());
    raw_.image = ToStr(config.image);
    raw_.flags = config.memory_path.empty() ? 0 : SHOJI_VM_MEMORY_FILE;
    raw_.memory_path = ToStr(config.memory_path);
    raw_.devices = devices_.data();
    raw_.device_count = devices_.size();
  }
  VmConfigArg(const VmConfigArg&) = delete;
  VmConfigArg& operator=(const VmConfigArg&) = delete;
  const shoji_vm_config* get() const { return &raw_; }

 private:
  DeviceArgs devices_;
  std::vector<shoji_share> shares_;
  std::vector<const shoji_share*> pointers_;
  shoji_vm_config raw_{};
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_VM_CONFIG_ARG_H_

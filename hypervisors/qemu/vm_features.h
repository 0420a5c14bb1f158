// Options that change how a VM is run, not what is in it: confinement, memory, shares, image.
//
// Purpose  All are off or at QEMU's own choice by default, so that the fast path stays as it is.
// Threads  Values and pure functions; ReadFeatures() looks up the user.
// Example  SHOJI_ASSIGN_OR_RETURN(Features features, ReadFeatures(options));
#ifndef SHOJI_HYPERVISORS_QEMU_VM_FEATURES_H_
#define SHOJI_HYPERVISORS_QEMU_VM_FEATURES_H_

#include <string>

#include "shoji/sdk/hypervisor.h"
#include "shoji/status.h"

namespace shoji::qemu {

struct Features {
  bool sandbox = true;               // QEMU's own system call filter
  std::string user;                  // whom QEMU becomes once it has opened everything
  bool hugepages = false;            // memory out of the host's huge pages
  bool prealloc = false;             // all memory is taken at the start
  bool mlock = false;                // nothing of QEMU is swapped out
  std::string firmware;              // empty: QEMU's own
  std::string machine_accelerators;  // appended to the machine: "kernel_irqchip=split"
  std::string cpu_features;          // appended to the CPU model: "-avx512f,+aes"
  std::string shared_fs = "9p";      // or "virtio-fs"
  std::string virtiofsd = "/usr/lib/qemu/virtiofsd";
  std::string virtiofs_cache = "auto";      // or "none", "always"
  std::string image_device = "virtio-blk";  // or "nvdimm"
  std::string image_fstype = "ext4";        // or "erofs"

  bool virtio_fs() const { return shared_fs == "virtio-fs"; }
  bool nvdimm() const { return image_device == "nvdimm"; }
};

Result<Features> ReadFeatures(const sdk::OptionMap& map);

// What does not go together, or not on this machine. `config` is checked already.
Status CheckFeatures(const Features& features, const sdk::VmConfig& config,
                     const std::string& machine);

// Memory that processes beside QEMU can map, which virtio-fs needs.
bool HasSharedMemory(const Features& features, const sdk::VmConfig& config);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_VM_FEATURES_H_

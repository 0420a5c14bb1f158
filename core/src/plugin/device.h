// Devices and sizes of a VM, as the core speaks of them to a hypervisor plugin.
//
// Purpose  Values of which the ABI's structs are made for the length of a call.
// Threads  Values.
// Example  VmDevice device{"data", VmBlock{"/srv/data.img", "raw"}};
#ifndef SHOJI_CORE_PLUGIN_DEVICE_H_
#define SHOJI_CORE_PLUGIN_DEVICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "plugin/network.h"
#include "shoji/config.h"

namespace shoji {

struct VmShare {
  std::string tag;
  std::string host_path;
  bool read_only = false;
};

struct VmBlock {
  std::string path;
  std::string format = "raw";  // or "qcow2"
  std::uint32_t flags = 0;     // SHOJI_BLOCK_*
  std::optional<DiskLimits> limits;
};
struct VmVsock {
  std::uint32_t cid = 0;
};
struct VmVfio {
  std::string address;
};
struct VmVhostUser {
  std::string type;
  std::string socket;
  std::string mac;
  std::string tag;
};

struct VmDevice {
  std::string id;
  std::variant<VmBlock, Nic, VmShare, VmVsock, VmVfio, VmVhostUser> detail;
};

struct VmSize {
  std::uint32_t vcpus = 0;
  std::uint32_t max_vcpus = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t max_memory_bytes = 0;
  std::uint64_t probe_address = 0;  // 0: the guest finds new memory by itself
};

struct VmStats {
  std::uint32_t vcpus = 0;
  std::uint64_t cpu_ns = 0;
  std::uint64_t vmm_cpu_ns = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t block_read_bytes = 0;
  std::uint64_t block_write_bytes = 0;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_DEVICE_H_

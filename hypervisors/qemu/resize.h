// More or less of CPUs and memory, over the monitor of a VM that runs.
//
// Threads  One call on a VM at a time.
// Example  SHOJI_ASSIGN_OR_RETURN(sdk::VmSize size, Resize(*monitor, max_memory, limit).Get());
#ifndef SHOJI_HYPERVISORS_QEMU_RESIZE_H_
#define SHOJI_HYPERVISORS_QEMU_RESIZE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "shoji/qmp/client.h"
#include "shoji/sdk/hypervisor_hotplug.h"

namespace shoji::qemu {

// A place for a CPU, of query-hotpluggable-cpus.
struct CpuPlace {
  std::string type;
  std::string properties;  // JSON object
  std::string device;      // name of the CPU there; "?" of one from the start, empty: none
};

// Memory that was added, of query-memory-devices.
struct Dimm {
  std::string device;
  std::string backend;
  std::uint64_t bytes = 0;
};

// DATA_LOSS for what is no such answer. Places are in the order in which CPUs are added.
Result<std::vector<CpuPlace>> ParseCpuPlaces(const std::string& answer);
Result<std::vector<Dimm>> ParseDimms(const std::string& answer);

class Resize {
 public:
  Resize(QmpClient& qmp, std::uint64_t max_memory, const QmpLimit& limit)
      : qmp_(qmp), max_memory_(max_memory), limit_(limit) {}

  // As the slots of shoji.hypervisor.resize/1.
  Result<sdk::VmSize> Get();
  Result<sdk::VmSize> SetVcpus(std::uint32_t vcpus);
  Result<sdk::VmSize> SetMemory(std::uint64_t bytes, std::uint64_t block_bytes);

 private:
  Status AddCpus(const std::vector<CpuPlace>& places, std::uint32_t count);
  Status RemoveCpus(const std::vector<CpuPlace>& places, std::uint32_t count);
  Status AddDimm(std::uint64_t bytes);
  Status RemoveDimms(std::uint64_t surplus);
  Status RemoveDimm(const Dimm& dimm);
  QmpLimit Patience() const;

  QmpClient& qmp_;
  const std::uint64_t max_memory_;
  const QmpLimit limit_;
};

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_RESIZE_H_

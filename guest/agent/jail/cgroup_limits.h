// The resources of an OCI specification, as cgroup v2 files and values.
//
// Purpose  The specification speaks cgroup v1 (shares, memory+swap in one number); this is
//          the translation. A limit whose controller the kernel lacks is an error, because a
//          container without the limit asked for is not the container asked for; a wish
//          (weight, reservation, swap) is then left out.
// Threads  Pure but for ApplyLimits.
// Example  SHOJI_ASSIGN_OR_RETURN(auto limits, LimitsOf(spec.linux().resources()));
//          ApplyLimits(group, limits);
#ifndef SHOJI_GUEST_AGENT_JAIL_CGROUP_LIMITS_H_
#define SHOJI_GUEST_AGENT_JAIL_CGROUP_LIMITS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "jail/cgroup.h"
#include "shoji-kata/oci.pb.h"
#include "shoji/status.h"

namespace shoji::jail {

struct Limit {
  std::string file;   // "cpu.max"
  std::string value;  // "50000 100000"
  bool wish = false;  // does without when the kernel lacks the controller
};

// INVALID_ARGUMENT when the numbers contradict each other. Device rules, network classes,
// kernel memory, swappiness and realtime have no file in v2 and are left out.
Result<std::vector<Limit>> LimitsOf(const grpc::LinuxResources& resources);

// cpu.weight (1..10000) of shares (2..262144).
std::uint64_t WeightOfShares(std::uint64_t shares);

Status ApplyLimits(const Cgroup& group, const std::vector<Limit>& limits);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_CGROUP_LIMITS_H_

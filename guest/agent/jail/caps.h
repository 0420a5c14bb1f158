// Capability sets of a process, by the names the OCI specification uses.
//
// Threads  ParseCaps is pure; Drop/Apply change the calling process (one thread only).
// Example  SHOJI_ASSIGN_OR_RETURN(CapSets caps, ParseCaps(process.capabilities()));
//          DropBounding(caps); ...change user...; ApplyCaps(caps);
#ifndef SHOJI_GUEST_AGENT_JAIL_CAPS_H_
#define SHOJI_GUEST_AGENT_JAIL_CAPS_H_

#include <cstdint>
#include <string_view>

#include "shoji-kata/oci.pb.h"
#include "shoji/status.h"

namespace shoji::jail {

// One bit for each capability number.
struct CapSets {
  std::uint64_t bounding = 0;
  std::uint64_t effective = 0;
  std::uint64_t inheritable = 0;
  std::uint64_t permitted = 0;
  std::uint64_t ambient = 0;
};

// -1 for a name nobody knows.
int CapNumber(std::string_view name);

// INVALID_ARGUMENT names an unknown capability. One that has a name but that the running
// kernel lacks is left out: a specification with "all" of a newer kernel still works.
Result<CapSets> ParseCaps(const grpc::LinuxCapabilities& caps);

// Takes everything out of the bounding set that is not in caps.bounding.
Status DropBounding(const CapSets& caps);

// Makes these of the permitted capabilities effective, too: after a change of user none is.
Status RaiseEffective(std::uint64_t wanted = ~std::uint64_t{0});

// Sets the other four sets exactly.
Status ApplyCaps(const CapSets& caps);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_CAPS_H_

// For tests: real network devices, in the network namespace of the calling thread.
//
// Threads  Any.
// Example  ASSERT_TRUE(MakeVeth("v0", "02:00:00:00:00:01", "v1", "02:00:00:00:00:02").ok());
#ifndef SHOJI_GUEST_AGENT_TESTING_VETH_H_
#define SHOJI_GUEST_AGENT_TESTING_VETH_H_

#include <string>

#include "shoji/status.h"

namespace shoji::agent::testing {

// Two ends of a wire, both off.
Status MakeVeth(const std::string& name, const std::string& address, const std::string& peer,
                const std::string& peer_address);
// Switches a device on.
Status SwitchOn(const std::string& name);

}  // namespace shoji::agent::testing

#endif  // SHOJI_GUEST_AGENT_TESTING_VETH_H_

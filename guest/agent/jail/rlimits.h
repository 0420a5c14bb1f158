// Resource limits (setrlimit) by the names the OCI specification uses.
//
// Threads  ParseRlimits is pure; ApplyRlimits changes the calling process.
// Example  SHOJI_ASSIGN_OR_RETURN(auto limits, ParseRlimits(process.rlimits()));
#ifndef SHOJI_GUEST_AGENT_JAIL_RLIMITS_H_
#define SHOJI_GUEST_AGENT_JAIL_RLIMITS_H_

#include <sys/resource.h>

#include <string>
#include <vector>

#include "shoji-kata/oci.pb.h"
#include "shoji/status.h"

namespace shoji::jail {

struct Rlimit {
  std::string name;
  int resource = 0;
  rlimit value{};
};

// INVALID_ARGUMENT names an unknown or doubled limit, or a soft one above its hard one.
Result<std::vector<Rlimit>> ParseRlimits(
    const google::protobuf::RepeatedPtrField<grpc::POSIXRlimit>& limits);

Status ApplyRlimits(const std::vector<Rlimit>& limits);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_RLIMITS_H_

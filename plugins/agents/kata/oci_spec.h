// The OCI runtime specification, from JSON to the agent's messages.
//
// Purpose  Everything the wire format can carry is carried; what it does not know is left out.
// Errors   INVALID_ARGUMENT naming the path: "process.args[1] is a number, expected a string".
// Threads  Safe.
// Example  SHOJI_RETURN_IF_ERROR(SpecFromJson(request.spec_json, message.mutable_oci()));
#ifndef SHOJI_AGENT_KATA_OCI_SPEC_H_
#define SHOJI_AGENT_KATA_OCI_SPEC_H_

#include <string_view>

#include "shoji-kata/oci.pb.h"
#include "shoji/status.h"

namespace shoji::agent_kata {

// A whole config.json.
Status SpecFromJson(std::string_view json, grpc::Spec* spec);

// Its "process" object alone; paths in errors begin with "process".
Status ProcessFromJson(std::string_view json, grpc::Process* process);

// linux.resources of a config.json alone; paths in errors begin with "resources".
Status ResourcesFromJson(std::string_view json, grpc::LinuxResources* resources);

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_OCI_SPEC_H_

// From a bundle to what the API is asked for.
//
// Purpose  Decides what the fields of a specification mean for the sandbox on the host: network
//          namespace, control group, size of /dev/shm, pod. docs/oci-runtime.md has the table.
// Threads  Safe, no state.
// Errors   INVALID_ARGUMENT names the field of config.json.
// Example  SHOJI_ASSIGN_OR_RETURN(SandboxConfig sandbox, SandboxOfBundle(bundle, id, true));
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_OCI_CONFIG_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_OCI_CONFIG_H_

#include <string>

#include "oci/bundle.h"
#include "oci/pod.h"
#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji::cli {

ContainerConfig ContainerOfBundle(const Bundle& bundle, const std::string& id);

// A pod's first container, or one on its own: with a sandbox of the same id.
// `cgroups`: the sandbox gets the control group of linux.cgroupsPath.
Result<SandboxConfig> SandboxOfBundle(const Bundle& bundle, const std::string& id, bool cgroups);

// A container that joins `sandbox`: refuses what it cannot have there.
Status CheckJoins(const Bundle& bundle, const SandboxStatus& sandbox);

// "machine.slice:libpod:7f3a" -> "/machine.slice/libpod-7f3a.scope"; other paths as they are,
// from the root of the hierarchies.
Result<std::string> CgroupPathOf(const std::string& cgroups_path);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_OCI_CONFIG_H_

// Whether a container's command exists, before a VM is made for it.
//
// Purpose  Engines want to hear at create that there is no such program (127) or that it cannot
//          be run (126). Looks into the root file system on the host; where a mount may bring the
//          program, the guest says it at start.
// Threads  Safe, no state.
// Example  SHOJI_RETURN_IF_ERROR(CheckCommand(bundle));
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_COMMAND_CHECK_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_COMMAND_CHECK_H_

#include "oci/bundle.h"
#include "shoji/status.h"

namespace shoji::cli {

// Detail "reason" is "command-not-found" or "command-not-executable".
Status CheckCommand(const Bundle& bundle);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_COMMAND_CHECK_H_

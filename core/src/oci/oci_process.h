// A process object that an engine wrote, for a process that joins a container.
//
// Threads  Safe, no state.
// Errors   INVALID_ARGUMENT names the field.
// Example  SHOJI_ASSIGN_OR_RETURN(const OciProcess process, ReadOciProcess(text, container));
#ifndef SHOJI_CORE_OCI_OCI_PROCESS_H_
#define SHOJI_CORE_OCI_OCI_PROCESS_H_

#include <string>

#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

struct OciProcess {
  std::string json;  // as the guest shall apply it
  bool terminal = false;
};

// Checked, edited for the guest as those of containers are, with the container's capabilities
// where it names none.
Result<OciProcess> ReadOciProcess(const std::string& text, const ContainerConfig& container);

}  // namespace shoji

#endif  // SHOJI_CORE_OCI_OCI_PROCESS_H_

// Processes of a sandbox nobody holds any more, found by their environment.
//
// Purpose  Every process Shoji starts for a sandbox carries SHOJI_SANDBOX_DIR=<directory>.
// Threads  Safe.
// Example  SHOJI_RETURN_IF_ERROR(KillMarkedProcesses("/run/shoji/sandboxes/web"));
#ifndef SHOJI_CORE_GC_PROCESSES_H_
#define SHOJI_CORE_GC_PROCESSES_H_

#include <map>
#include <string>
#include <vector>

#include "metadata/record.h"
#include "shoji/status.h"

namespace shoji {

// Directory -> the living processes marked with it. Without the caller itself.
Result<std::map<std::string, std::vector<ProcessId>>> MarkedProcesses();

// Kills all that are marked with `dir` and waits until they are gone. DEADLINE_EXCEEDED
// names one that does not go.
Status KillMarkedProcesses(const std::string& dir);

}  // namespace shoji

#endif  // SHOJI_CORE_GC_PROCESSES_H_

// VMs that were made before their sandbox was.
//
// Purpose  A factory that keeps VMs ready makes each in a directory of its own,
//          <root>/factory/<vm id>, whose file `owner` is locked as long as the process lives
//          that keeps it. Who takes the VM exchanges, in one step, that directory with a symbolic
//          link that leads to <sandbox>/held/<vm id>: before it the VM belongs to its keeper,
//          afterwards to the sandbox, and every path the VM was made with still works. Its
//          processes are marked with the VM's id.
// Threads  Safe, no state.
// Example  SHOJI_RETURN_IF_ERROR(RemoveHeld(paths));
#ifndef SHOJI_CORE_SANDBOX_HELD_H_
#define SHOJI_CORE_SANDBOX_HELD_H_

#include <string>
#include <vector>

#include "host/paths.h"
#include "shoji/status.h"

namespace shoji {

// The directories of the VMs that the sandbox took over, by id.
std::vector<std::string> HeldIds(const SandboxPaths& paths);
// Where the guest's share of a VM that was taken over follows; NOT_FOUND when there is none.
Result<std::string> HeldMounts(const SandboxPaths& paths);

// What marks the processes of a sandbox: its directory, and those its VMs were made with.
std::vector<std::string> MarksOf(const SandboxPaths& paths);
// Kills every process that is marked so.
Status KillProcessesOf(const SandboxPaths& paths);

// Removes the directories and the links to them. The VMs are gone before; processes of one that
// the record does not know are killed.
Status RemoveHeld(const SandboxPaths& paths);

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_HELD_H_

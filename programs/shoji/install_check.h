// What of Shoji itself has to be there: plugins, guest files, directories of its state.
//
// Threads  Safe, no state.
// Example  CheckLines lines = CheckInstallation(*runtime);
#ifndef SHOJI_PROGRAMS_SHOJI_INSTALL_CHECK_H_
#define SHOJI_PROGRAMS_SHOJI_INSTALL_CHECK_H_

#include "check_line.h"
#include "shoji/runtime.h"

namespace shoji::cli {

// The plugins in force are loaded; makes no directory.
CheckLines CheckInstallation(Runtime& runtime);

// What the hypervisor plugin says of this machine.
CheckLines CheckHypervisor(Runtime& runtime);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_INSTALL_CHECK_H_

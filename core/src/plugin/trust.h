// Who may have written a plugin file: the trust policy `owner`.
//
// Purpose  A plugin runs inside this process with all its rights. So the file, and every
//          directory from which it could be replaced, must belong to root (or to the user
//          we run as) and be writable by nobody else.
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, OpenTrusted("/usr/lib/x.so", "/usr"));
#ifndef SHOJI_CORE_PLUGIN_TRUST_H_
#define SHOJI_CORE_PLUGIN_TRUST_H_

#include <sys/stat.h>

#include <map>
#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji {

// Opens `path` (absolute) for reading after checking it; load the plugin from this very
// descriptor. Symbolic links are followed, and the directories of link and target are
// checked alike. `prefix` (may be empty) is where the running program is installed:
// `prefix` itself and the directories above it are not checked, for whoever may write
// there can replace the program itself.
// PERMISSION_DENIED names the file or directory, what is wrong, and how to mend it.
Result<UniqueFd> OpenTrusted(const std::string& path, const std::string& prefix);

// The same for many files: what was learned of a directory is kept, so that ten plugins
// in one directory do not look at it ten times. For one scan, not for longer.
using KnownDirs = std::map<std::string, struct stat>;
Result<UniqueFd> OpenTrusted(const std::string& path, const std::string& prefix, KnownDirs* known);

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_TRUST_H_

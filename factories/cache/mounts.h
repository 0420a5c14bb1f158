// The mounts of a waiting VM's share.
//
// Threads  Safe, no state.
// Errors   ErrnoStatus naming the path.
// Example  SHOJI_RETURN_IF_ERROR(MountShare(dir));
#ifndef SHOJI_FACTORIES_CACHE_MOUNTS_H_
#define SHOJI_FACTORIES_CACHE_MOUNTS_H_

#include <string>

#include "shoji/status.h"

namespace shoji::cache {

// dir/mounts becomes a shared mount in a group of its own; dir/share follows it and is read-only
// itself, so that a guest cannot put a symbolic link where the host mounts next.
Status MountShare(const std::string& dir);

// A read-only copy of the mount at `source` on the directory `target`.
Status MountReadOnly(const std::string& source, const std::string& target);

// Unmounts, lazily, everything at and below `dir`.
Status UnmountBelow(const std::string& dir);

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_MOUNTS_H_

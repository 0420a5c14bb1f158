// Cuts the mounts of a process off from those of everybody else.
//
// Purpose  After unshare(CLONE_NEWNS), mounts still come from and go to the namespace that was
//          left, where the two share them. Also works in a chroot whose root is a plain
//          directory: it is made a mount point first, since only one can be made private.
// Threads  For a process with one thread.
// Errors   ErrnoStatus of the step that failed.
// Example  if (unshare(CLONE_NEWNS) == 0) SHOJI_RETURN_IF_ERROR(MakeMountsPrivate());
#ifndef SHOJI_BASE_PRIVATE_MOUNTS_H_
#define SHOJI_BASE_PRIVATE_MOUNTS_H_

#include "shoji/status.h"

namespace shoji {

// REQUIRES: the calling process has a mount namespace of its own.
Status MakeMountsPrivate();

}  // namespace shoji

#endif  // SHOJI_BASE_PRIVATE_MOUNTS_H_

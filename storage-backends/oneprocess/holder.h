// Who has a file locked.
//
// Threads  Safe. The caller's process must not have the file locked itself: closing any
//          descriptor of a file drops the POSIX locks that a process has on it.
// Example  HolderOf("/var/lib/shoji/leveldb/db/LOCK") == "pid 1234 (shoji run)"
#ifndef SHOJI_ONEPROCESS_HOLDER_H_
#define SHOJI_ONEPROCESS_HOLDER_H_

#include <sys/types.h>

#include <string>

namespace shoji::oneprocess {

// The holder of a POSIX lock on `lock_file`; empty when there is none or it cannot be told.
std::string HolderOf(const std::string& lock_file);

// "pid 1234 (shoji run)"; without the program when the process is gone.
std::string DescribeProcess(pid_t pid);

}  // namespace shoji::oneprocess

#endif  // SHOJI_ONEPROCESS_HOLDER_H_

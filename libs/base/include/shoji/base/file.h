// Whole files and directory trees.
//
// Threads  Safe; every function works on paths only.
// Errors   ErrnoStatus with the path in the message.
// Example  SHOJI_ASSIGN_OR_RETURN(std::string text, ReadFile("/etc/hostname"));
#ifndef SHOJI_BASE_FILE_H_
#define SHOJI_BASE_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji {

// The bytes of a file (also of /proc and /sys files, whose size is unknown).
// RESOURCE_EXHAUSTED when it is larger than `max_bytes`.
Result<std::string> ReadFile(const std::string& path, std::size_t max_bytes = 64U << 20U);

// Everything readable from `fd` until its end.
Result<std::string> ReadAll(int fd, std::size_t max_bytes = 64U << 20U);

// Writes all bytes to `fd`, however many calls that takes.
Status WriteAll(int fd, std::string_view data);

// Creates or truncates `path` and writes `data`. Not atomic: for /proc, cgroups, pid files.
Status WriteFile(const std::string& path, std::string_view data, mode_t mode = 0644);

// Replaces `path` by `data`: temporary file in the same directory, fsync, rename,
// fsync of the directory. Readers see the old content or the new one.
Status WriteFileAtomic(const std::string& path, std::string_view data, mode_t mode = 0600);

// mkdir -p. Directories that exist keep their mode.
Status MakeDirs(const std::string& path, mode_t mode = 0755);

// rm -rf, without following symbolic links and without crossing into a mounted file
// system (FAILED_PRECONDITION names the mount). Success when it is not there.
Status RemoveTree(const std::string& path);

// unlink(); success when it is not there.
Status RemoveFile(const std::string& path);

bool PathExists(const std::string& path);

// Names in a directory without "." and "..", sorted. Missing directory: NOT_FOUND.
Result<std::vector<std::string>> ListDir(const std::string& path);

// The absolute path of the running program.
Result<std::string> ExecutablePath();

}  // namespace shoji

#endif  // SHOJI_BASE_FILE_H_

// What a file is, so that a change of it is seen without reading it.
//
// Purpose  Device, inode, size and both times: whoever writes to a file, or puts another in its
//          place, changes one of them.
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(const FileId kernel, FileId::Of("/usr/share/shoji/vmlinux"));
#ifndef SHOJI_FACTORIES_TEMPLATE_FILE_ID_H_
#define SHOJI_FACTORIES_TEMPLATE_FILE_ID_H_

#include <cstdint>
#include <string>

#include "shoji/status.h"

namespace shoji::templates {

struct FileId {
  std::string path;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;

  // NOT_FOUND; FAILED_PRECONDITION for what is no regular file.
  static Result<FileId> Of(const std::string& path);
  friend bool operator==(const FileId&, const FileId&) = default;
};

// Whether no process but the caller has the file open or mapped. The caller holds no descriptor
// of it.
bool IsUnused(const std::string& path);
// How many processes have it mapped.
std::uint32_t CountUsers(const std::string& path);

}  // namespace shoji::templates

#endif  // SHOJI_FACTORIES_TEMPLATE_FILE_ID_H_

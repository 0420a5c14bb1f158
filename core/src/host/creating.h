// Containers that are being made.
//
// Purpose  They have no record before they are there, but their hooks run meanwhile and may ask
//          for their state. Who makes one writes it into <sandbox>/creating and keeps that file
//          locked; one that nobody locks is left over and means nothing.
// Threads  Safe, no state. One container of a sandbox is made at a time, under its lock.
// Example  SHOJI_ASSIGN_OR_RETURN(const auto mark, CreatingMark::Make(paths, status));
#ifndef SHOJI_CORE_HOST_CREATING_H_
#define SHOJI_CORE_HOST_CREATING_H_

#include <string>
#include <utility>
#include <vector>

#include "host/paths.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

// Removes the file at its end.
class CreatingMark {
 public:
  static Result<CreatingMark> Make(const SandboxPaths& paths, const ContainerStatus& container);
  CreatingMark(CreatingMark&&) = default;
  CreatingMark& operator=(CreatingMark&&) = delete;
  ~CreatingMark();

 private:
  CreatingMark(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

// Those of all sandboxes below `root`.
std::vector<ContainerStatus> ContainersBeingMade(const std::string& root);

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_CREATING_H_

// Files as disks of an agent without a VM: loop devices.
//
// Purpose  A device goes by itself when the last that holds it is gone: this object, whatever
//          became of the process, and mounts of it. Its node appears in the /dev that the agent
//          sees as soon as it is there.
// Threads  One.
// Example  SHOJI_ASSIGN_OR_RETURN(Disk disk, Disk::Attach("/x/disk.img", kDiskReadOnly));
#ifndef SHOJI_GUEST_AGENT_HOST_DISKS_H_
#define SHOJI_GUEST_AGENT_HOST_DISKS_H_

#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

constexpr unsigned kDiskReadOnly = 1;
constexpr unsigned kDiskDirect = 2;  // past the page cache

class Disk {
 public:
  // NOT_FOUND for the file, FAILED_PRECONDITION where there are no loop devices.
  static Result<Disk> Attach(const std::string& path, unsigned flags);

  const std::string& node() const { return node_; }  // "/dev/loop3"
  // Lets go of it. ABORTED while something of it is mounted; it is attached still.
  Status Detach();

 private:
  Disk(std::string node, UniqueFd device) : node_(std::move(node)), device_(std::move(device)) {}

  std::string node_;
  UniqueFd device_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_HOST_DISKS_H_

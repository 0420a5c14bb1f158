#include "host/disks.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "shoji/base/errno.h"

namespace shoji::agent {
namespace {

constexpr int kTries = 64;  // others look for free devices at the same time

loop_config ConfigFor(int file, const std::string& path, unsigned flags) {
  loop_config config{};
  config.fd = static_cast<std::uint32_t>(file);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  if ((flags & kDiskReadOnly) != 0) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
  if ((flags & kDiskDirect) != 0) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
  std::memcpy(config.info.lo_file_name, path.data(),
              std::min(path.size(), sizeof config.info.lo_file_name - 1));
  return config;
}

}  // namespace

Result<Disk> Disk::Attach(const std::string& path, unsigned flags) {
  const int mode = (flags & kDiskReadOnly) != 0 ? O_RDONLY : O_RDWR;
  const UniqueFd file(open(path.c_str(), mode | O_CLOEXEC));
  if (!file) return ErrnoStatus(errno, "cannot open disk " + path);
  const UniqueFd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control) {
    return FailedPrecondition("this machine has no loop devices (/dev/loop-control: " +
                              ErrnoText(errno) + "); load the module loop");
  }
  const loop_config config = ConfigFor(file.get(), path, flags);
  for (int i = 0; i < kTries; ++i) {
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return ErrnoStatus(errno, "no loop device is free for " + path);
    const std::string node = "/dev/loop" + std::to_string(number);
    UniqueFd device(open(node.c_str(), O_RDWR | O_CLOEXEC));
    if (!device) return ErrnoStatus(errno, "cannot open " + node + " for " + path);
    if (ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return Disk(node, std::move(device));
    if (errno != EBUSY) return ErrnoStatus(errno, "cannot make a disk of " + path);
  }
  return Aborted("other programs take every loop device that is free for " + path);
}

Status Disk::Detach() {
  if (!device_) return OkStatus();
  // A mount has it for itself, in whatever namespace that is.
  const UniqueFd alone(open(node_.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  if (!alone && errno == EBUSY) return Aborted(node_ + " is mounted");
  device_.reset();
  return OkStatus();
}

}  // namespace shoji::agent

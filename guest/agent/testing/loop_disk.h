// For tests: a disk with an ext4 file system on it, out of a file.
//
// Threads  One.
// Example  LoopDisk disk(dir / "image"); if (disk.node().empty()) GTEST_SKIP() << disk.why();
#ifndef SHOJI_GUEST_AGENT_TESTING_LOOP_DISK_H_
#define SHOJI_GUEST_AGENT_TESTING_LOOP_DISK_H_

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include <cstdlib>
#include <string>

#include "shoji/base/unique_fd.h"

namespace shoji::agent::testing {

class LoopDisk {
 public:
  explicit LoopDisk(const std::string& image) {
    const std::string make = "truncate -s 4M " + image + " && mkfs.ext4 -q " + image;
    if (std::system(make.c_str()) != 0) {
      why_ = "mkfs.ext4 does not run";
      return;
    }
    const UniqueFd file(open(image.c_str(), O_RDWR | O_CLOEXEC));
    const UniqueFd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    // Somebody else may take the free one first.
    for (int i = 0; i < 20 && node_.empty(); ++i) Attach(file.get(), control.get());
    if (node_.empty()) why_ = "this machine has no loop device to give";
  }
  ~LoopDisk() {
    if (disk_) ioctl(disk_.get(), LOOP_CLR_FD, 0);
  }
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  const std::string& node() const { return node_; }
  const std::string& why() const { return why_; }

 private:
  void Attach(int file, int control) {
    const int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) return;
    const std::string node = "/dev/loop" + std::to_string(number);
    UniqueFd disk(open(node.c_str(), O_RDWR | O_CLOEXEC));
    loop_config config{};
    config.fd = static_cast<unsigned>(file);
    if (!disk || ioctl(disk.get(), LOOP_CONFIGURE, &config) < 0) return;
    disk_ = std::move(disk);
    node_ = node;
  }

  UniqueFd disk_;
  std::string node_;
  std::string why_;
};

}  // namespace shoji::agent::testing

#endif  // SHOJI_GUEST_AGENT_TESTING_LOOP_DISK_H_

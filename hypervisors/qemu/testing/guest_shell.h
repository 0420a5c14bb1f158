// A guest that carries out shell commands, for tests that have to see what the guest sees.
//
// Purpose  Its initrd is that of the guest image, with busybox over it and an /init that loads
//          modules and reads commands from the agent's channel.
// Threads  One thread at a time.
// Example
//     SHOJI_RETURN_IF_ERROR(WriteShellInitrd(image, dir + "/initrd"));
//     SHOJI_ASSIGN_OR_RETURN(auto shell, GuestShell::Connect(run_dir + "/kata.sock", deadline));
//     shell.Run("ls /sys/block");
#ifndef SHOJI_HYPERVISORS_QEMU_TESTING_GUEST_SHELL_H_
#define SHOJI_HYPERVISORS_QEMU_TESTING_GUEST_SHELL_H_

#include <poll.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "shoji/base/deadline.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "testing/tiny_initrd.h"

namespace shoji::qemu {

inline constexpr char kShellInit[] = R"(#!/bin/busybox sh
B=/bin/busybox
$B mkdir -p /proc /sys /dev /tmp
$B mount -t proc p /proc; $B mount -t sysfs s /sys; $B mount -t devtmpfs d /dev
$B mkdir -p /b; $B --install -s /b; export PATH=/b
load() { for f in "$@"; do
  for m in $(sed -n "s/^$f	//p" /etc/shoji/modules); do insmod $m 2>/dev/null; done
done; }
# Whether $1 becomes true within some time.
await() { n=0; until eval "$1"; do n=$((n+1)); [ $n -lt 600 ] || return 1; usleep 100000; done; }
load boot boot-mmio
await 'grep -qsx agent.channel.0 /sys/class/virtio-ports/*/name'
port=$(grep -lx agent.channel.0 /sys/class/virtio-ports/*/name)
port=${port%/name}
exec 3<>/dev/${port##*/}
while :; do
  if read -r line <&3; then { eval "$line"; } >/tmp/out 2>&1; rc=$?; cat /tmp/out >&3; printf '\n@%s\n' $rc >&3
  else usleep 50000; fi
done
)";

inline Status WriteShellInitrd(const std::string& image, const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const std::string base, ReadFile(image));
  SHOJI_ASSIGN_OR_RETURN(const std::string busybox, ReadFile("/bin/busybox"));
  return WriteFile(
      path, base + CpioEntry("bin", 0040755U, "") + CpioEntry("bin/busybox", 0100755U, busybox) +
                CpioEntry("init", 0100755U, kShellInit) + CpioEntry("TRAILER!!!", 0, ""));
}

struct ShellAnswer {
  int code = -1;
  std::string text;
};

class GuestShell {
 public:
  static Result<GuestShell> Connect(const std::string& path, Deadline deadline) {
    SHOJI_ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnix(path));
    return GuestShell(std::move(socket), deadline);
  }

  // What the command writes, without the last line's end; an empty text with code -1 when the
  // guest did not answer in time.
  ShellAnswer Run(const std::string& command) {
    if (!WriteAll(socket_.get(), command + "\n").ok()) return {};
    std::string all;
    for (;;) {
      const std::size_t mark = all.rfind("\n@");
      if (mark != std::string::npos && all.back() == '\n' && all.size() > mark + 3) {
        const auto code = ParseInt(Trim(all.substr(mark + 2)));
        return {code.ok() ? static_cast<int>(*code) : -1, std::string(Trim(all.substr(0, mark)))};
      }
      pollfd entry{socket_.get(), POLLIN, 0};
      if (poll(&entry, 1, deadline_.PollTimeout()) != 1) return {};
      char chunk[4096];
      const ssize_t n = read(socket_.get(), chunk, sizeof(chunk));
      if (n <= 0) return {};
      all.append(chunk, static_cast<std::size_t>(n));
    }
  }
  // True when the shell condition becomes true within the guest's patience.
  bool Await(const std::string& condition) { return Run("await '" + condition + "'").code == 0; }

 private:
  GuestShell(UniqueFd socket, Deadline deadline)
      : socket_(std::move(socket)), deadline_(deadline) {}

  UniqueFd socket_;
  Deadline deadline_;
};

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_TESTING_GUEST_SHELL_H_

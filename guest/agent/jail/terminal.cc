#include "jail/terminal.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "jail/resolve.h"
#include "jail/streams.h"
#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

Result<UniqueFd> OpenMaster(int root_fd) {
  Result<UniqueFd> master = OpenInRoot(root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
  if (master.ok()) return master;
  return std::move(master).status().WithContext(
      "process.terminal: the container needs a devpts mount on /dev/pts");
}

}  // namespace

Result<Pty> OpenPty(int root_fd, const ProcessPlan& process) {
  Pty pty;
  SHOJI_ASSIGN_OR_RETURN(pty.master, OpenMaster(root_fd));
  const int unlocked = 0;
  if (ioctl(pty.master.get(), TIOCSPTLCK, &unlocked) < 0)
    return ErrnoStatus(errno, "cannot unlock the terminal");
  pty.slave = UniqueFd(ioctl(pty.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!pty.slave) return ErrnoStatus(errno, "cannot open the terminal");
  winsize size{};
  size.ws_row = process.rows;
  size.ws_col = process.columns;
  if ((size.ws_row != 0 || size.ws_col != 0) && ioctl(pty.master.get(), TIOCSWINSZ, &size) < 0)
    return ErrnoStatus(errno, "process.consoleSize: cannot set the size of the terminal");
  if (fchown(pty.slave.get(), process.uid, static_cast<gid_t>(-1)) < 0)
    return ErrnoStatus(errno, "cannot give the terminal to user " + std::to_string(process.uid));
  return pty;
}

Status BindConsole(int root_fd, int slave) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd console, EnsureFile(root_fd, "/dev/console"));
  if (mount(FdPath(slave).c_str(), FdPath(console.get()).c_str(), nullptr, MS_BIND, nullptr) < 0)
    return ErrnoStatus(errno, "cannot bind the terminal on /dev/console");
  return OkStatus();
}

Status TakeTerminal(int slave) {
  SHOJI_RETURN_IF_ERROR(UseAsStdio(slave));
  if (ioctl(0, TIOCSCTTY, 0) < 0)
    return ErrnoStatus(errno, "cannot make the terminal the controlling one");
  return OkStatus();
}

}  // namespace shoji::jail

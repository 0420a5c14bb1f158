#include "jail/streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "shoji/base/errno.h"
#include "shoji/base/socket.h"

namespace shoji::jail {
namespace {

// Fewer wake-ups for a process that prints much. Beyond the user's limit the kernel
// refuses and the pipe keeps its 64 KiB.
constexpr int kPipeSize = 1 << 20;

Status MakeStream(StdioPipes* pipes, std::size_t stream) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return ErrnoStatus(errno, "cannot make a pipe for stream " + std::to_string(stream));
  const bool input = stream == 0;
  pipes->container[stream] = UniqueFd(ends[input ? 0 : 1]);
  pipes->agent[stream] = UniqueFd(ends[input ? 1 : 0]);
  fcntl(ends[0], F_SETPIPE_SZ, kPipeSize);
  return SetNonBlocking(pipes->agent[stream].get(), true);
}

}  // namespace

Result<StdioPipes> MakeStdio() {
  StdioPipes pipes;
  for (std::size_t stream = 0; stream < 3; ++stream)
    SHOJI_RETURN_IF_ERROR(MakeStream(&pipes, stream));
  return pipes;
}

Status StdioPipes::TakeInChild(uid_t uid, gid_t gid) {
  // Moved above 2 first: the agent may run without some of 0, 1 and 2, and a pipe may then
  // have got the number of another stream.
  for (UniqueFd& end : container) {
    if (end.get() > 2) continue;
    const int high = fcntl(end.get(), F_DUPFD_CLOEXEC, 3);
    if (high < 0) return ErrnoStatus(errno, "cannot move a standard stream");
    (void)end.release();  // dup2 below closes the low number, or it stays as a stream
    end.reset(high);
  }
  for (int stream = 0; stream < 3; ++stream) {
    UniqueFd& end = container[static_cast<std::size_t>(stream)];
    // In a user namespace without this id it may fail; the stream works all the same.
    const int changed = fchown(end.get(), uid, gid);
    (void)changed;
    if (dup2(end.get(), stream) < 0) return ErrnoStatus(errno, "cannot set a standard stream");
    end.reset();
  }
  return OkStatus();
}

Status UseAsStdio(int fd) {
  for (int stream = 0; stream < 3; ++stream) {
    if (dup2(fd, stream) < 0)
      return ErrnoStatus(errno, "cannot make the terminal a standard stream");
  }
  return OkStatus();
}

}  // namespace shoji::jail

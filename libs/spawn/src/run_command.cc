#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shoji/base/errno.h"
#include "shoji/base/socket.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxOutput = 1U << 20U;

enum class Drained { kMore, kEnd };

// Takes what is there now; what exceeds the limit is read and dropped, so that the
// program never blocks on a full pipe.
Drained Drain(int fd, std::string& output) {
  char buffer[16384];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN ? Drained::kMore : Drained::kEnd;
    if (n == 0) return Drained::kEnd;
    output.append(buffer, std::min(static_cast<std::size_t>(n), kMaxOutput - output.size()));
  }
}

// Collects until the program has ended. A grandchild that keeps the pipe open does not
// prolong it.
Status Collect(const Child& child, UniqueFd pipe, Deadline deadline, std::string& output) {
  for (;;) {
    pollfd entries[2] = {{child.pidfd(), POLLIN, 0}, {pipe.get(), POLLIN, 0}};
    const int rc = poll(entries, 2, deadline.PollTimeout());
    if (rc < 0 && errno != EINTR) return ErrnoStatus(errno, "poll failed");
    if (rc > 0 && pipe && Drain(pipe.get(), output) == Drained::kEnd) pipe.reset();
    if (rc > 0 && entries[0].revents != 0) return OkStatus();
    // Also with output waiting: a program that never stops writing has a time limit too.
    if (deadline.passed()) return DeadlineExceeded("time limit passed");
  }
}

bool Names(const SpawnOptions& options, int target) {
  return std::any_of(options.fds.begin(), options.fds.end(),
                     [target](const auto& pair) { return pair.second == target; });
}

}  // namespace

Result<RunResult> RunCommand(const SpawnOptions& options, Deadline deadline) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return ErrnoStatus(errno, "cannot create a pipe");
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(reader.get(), true));
  SpawnOptions with_pipe = options;
  for (const int target : {STDOUT_FILENO, STDERR_FILENO}) {
    if (!Names(options, target)) with_pipe.fds.emplace_back(writer.get(), target);
  }
  SHOJI_ASSIGN_OR_RETURN(Child child, Spawn(with_pipe));
  writer.reset();

  RunResult result;
  if (Status status = Collect(child, std::move(reader), deadline, result.output); !status.ok()) {
    if (options.new_session) kill(-child.pid(), SIGKILL);  // not reaped yet, so still its group
    SHOJI_RETURN_IF_ERROR(child.Kill());
    return std::move(status).WithContext("\"" + options.argv[0] + "\"");
  }
  SHOJI_ASSIGN_OR_RETURN(result.exit, child.Wait());
  return result;
}

}  // namespace shoji

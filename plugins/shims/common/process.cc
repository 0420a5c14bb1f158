#include "process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"
#include "shoji/spawn/spawn.h"

namespace shoji::shims {

namespace {

constexpr std::string_view kMark = "SHOJI_SHIM=";
constexpr std::size_t kMaxEnvironment = 4U << 20U;
constexpr std::chrono::seconds kOwnEnd(2);
constexpr std::chrono::seconds kKillTime(5);

bool AwaitEnd(int pidfd, Deadline deadline) {
  pollfd p{pidfd, POLLIN, 0};
  while (true) {
    const int ready = poll(&p, 1, deadline.PollTimeout());
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool IsMarked(pid_t pid) {
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/environ", kMaxEnvironment);
  if (!text.ok()) return false;
  const std::string_view all = *text;
  for (std::size_t at = 0; at < all.size(); at = all.find('\0', at) + 1) {
    if (all.substr(at).starts_with(kMark)) return true;
    if (all.find('\0', at) == std::string_view::npos) return false;
  }
  return false;
}

}  // namespace

std::string MarkOf(const std::string& sandbox_id, const std::string& exec_id) {
  return std::string(kMark) + sandbox_id + "/" + exec_id;
}

Status EndShim(pid_t pid, Deadline limit) {
  if (pid <= 0) return InvalidArgument("process " + std::to_string(pid) + " is no shim");
  const Result<UniqueFd> pidfd = OpenPidfd(pid);
  if (pidfd.status().code() == StatusCode::kNotFound) return OkStatus();
  SHOJI_RETURN_IF_ERROR(pidfd.status());
  // Looked at after the descriptor was opened, which stays that of this very process.
  if (!IsMarked(pid)) return OkStatus();
  if (AwaitEnd(pidfd->get(), Deadline::After(kOwnEnd).Min(limit))) return OkStatus();
  if (syscall(SYS_pidfd_send_signal, pidfd->get(), SIGKILL, nullptr, 0) < 0 && errno != ESRCH) {
    return ErrnoStatus(errno, "cannot end shim " + std::to_string(pid));
  }
  if (AwaitEnd(pidfd->get(), Deadline::After(kKillTime))) return OkStatus();
  return DeadlineExceeded("shim " + std::to_string(pid) + " does not end, even by SIGKILL");
}

}  // namespace shoji::shims

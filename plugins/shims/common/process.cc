#include "process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
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
constexpr std::string_view kSandboxDir = "SHOJI_SANDBOX_DIR=";
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

// The value of the variable `name` ("A=") in an environment; nothing: it is not set.
std::optional<std::string> Find(std::string_view environment, std::string_view name) {
  while (!environment.empty()) {
    const std::string_view one = environment.substr(0, environment.find('\0'));
    if (one.starts_with(name)) return std::string(one.substr(name.size()));
    environment.remove_prefix(std::min(one.size() + 1, environment.size()));
  }
  return std::nullopt;
}

bool IsMarked(pid_t pid) { return SandboxDirOf(pid).has_value(); }

}  // namespace

std::string MarkOf(const std::string& sandbox_id, const std::string& exec_id) {
  return std::string(kMark) + sandbox_id + "/" + exec_id;
}

std::optional<std::string> SandboxDirOf(pid_t pid) {
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/environ", kMaxEnvironment);
  if (!text.ok() || !Find(*text, kMark)) return std::nullopt;
  return Find(*text, kSandboxDir).value_or("");
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

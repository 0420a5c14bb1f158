#include "send_signal.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "process.h"
#include "shoji/base/errno.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "shoji/sdk/plugin.h"
#include "shoji/sdk/wait.h"

namespace shoji::katashim {

namespace {

constexpr std::size_t kMaxAnswer = 8192;
constexpr std::int64_t kNotFound = 5;  // of gRPC

Status Cannot(std::int32_t pid, const std::string& why) {
  return Unavailable("shim " + std::to_string(pid) + " passes no signal on: " + why);
}

// Up to the end of the line; without one it has gone first.
Result<std::string> ReadLine(const shoji_call* call, int fd, std::int32_t pid) {
  std::string line;
  while (line.size() < kMaxAnswer) {
    SHOJI_RETURN_IF_ERROR(
        sdk::WaitUntilReady(call, fd, POLLIN, "answer of shim " + std::to_string(pid)));
    char buffer[512];
    const ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return Cannot(pid, "it has ended");
    line.append(buffer, static_cast<std::size_t>(n));
    if (line.back() == '\n') return line.substr(0, line.size() - 1);
  }
  return Cannot(pid, "its answer is too long");
}

Status StatusOf(const std::string& answer, std::int32_t pid) {
  const std::size_t space = answer.find(' ');
  const auto code = ParseInt(answer.substr(0, space));
  if (space == std::string::npos || !code.ok()) {
    return Cannot(pid, "its answer is \"" + answer + "\"");
  }
  if (*code == 0) return OkStatus();
  const std::string message = answer.substr(space + 1);
  if (*code == kNotFound) return NotFound(message);
  return Internal("the guest refuses the signal with code " + std::to_string(*code) + ": " +
                  message);
}

}  // namespace

Status SignalByShim(const shoji_call* call, const shoji_shim_params& params, std::int32_t pid,
                    std::int32_t signal) {
  const auto dir = shims::SandboxDirOf(pid);
  if (!dir || dir->empty()) return Cannot(pid, "it is none of a sandbox");
  const auto fd = ConnectUnix(*dir + "/shims/" + sdk::String(params.container_id));
  if (!fd.ok()) return Cannot(pid, fd.status().message());
  const std::string ask =
      "signal " + std::to_string(signal) + " " + sdk::String(params.exec_id) + "\n";
  const ssize_t n = send(fd->get(), ask.data(), ask.size(), MSG_NOSIGNAL);
  if (n != static_cast<ssize_t>(ask.size())) return Cannot(pid, "it has ended");
  SHOJI_ASSIGN_OR_RETURN(const std::string answer, ReadLine(call, fd->get(), pid));
  return StatusOf(answer, pid);
}

}  // namespace shoji::katashim

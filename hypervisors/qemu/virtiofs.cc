#include "virtiofs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "spawner.h"

namespace shoji::qemu {
namespace {

constexpr int kListenerFd = 3;  // in the child
constexpr std::chrono::seconds kKillLimit{10};

std::vector<std::string> ArgvOf(const Features& features, const sdk::VmShareConfig& share) {
  // Its option lists know no escape for a comma but the backslash of libfuse.
  std::string source;
  for (const char c : share.host_path) {
    if (c == ',' || c == '\\') source += '\\';
    source += c;
  }
  return {features.virtiofsd,
          "--fd=" + std::to_string(kListenerFd),
          "-f",
          "-o",
          "source=" + source,
          "-o",
          "cache=" + features.virtiofs_cache,
          "-o",
          "xattr",
          "-o",
          "announce_submounts",
          "-o",
          "log_level=warn"};
}

}  // namespace

Result<VirtioFsBackend> StartVirtioFs(const sdk::Host& host, const std::string& sandbox_id,
                                      const std::string& run_dir, const Features& features,
                                      const sdk::VmShareConfig& share) {
  const std::string path = run_dir + "/virtiofs.sock";
  SHOJI_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(path, 1));
  // QEMU gets its end as a descriptor: paths of sockets are short, and nobody else may connect.
  auto connection = ConnectUnix(path);
  SHOJI_RETURN_IF_ERROR(RemoveFile(path));
  if (!connection.ok()) return connection.status();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return ErrnoStatus(errno, "cannot create a pipe");
  VirtioFsBackend backend;
  backend.messages.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  SHOJI_ASSIGN_OR_RETURN(Spawned spawned,
                         SpawnByHost(host, sandbox_id, ArgvOf(features, share),
                                     {{listener.get(), kListenerFd}, {theirs.get(), 2}}));
  backend.connection = std::move(*connection);
  backend.pidfd = std::move(spawned.pidfd);
  auto process = IdentifyProcess(spawned.pid);
  if (!process.ok()) {
    (void)EndVirtioFs(backend.pidfd.get(), Deadline::After({}));
    return process.status();
  }
  backend.process = std::move(*process);
  return backend;
}

Status EndVirtioFs(int pidfd, Deadline patience) {
  if (pidfd < 0) return OkStatus();
  if (!WaitForEnd(pidfd, patience)) {
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) < 0 && errno != ESRCH) {
      return ErrnoStatus(errno, "cannot kill virtiofsd");
    }
    if (!WaitForEnd(pidfd, Deadline::After(kKillLimit))) {
      return DeadlineExceeded("virtiofsd does not end although it was killed");
    }
  }
  siginfo_t info{};
  (void)waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG);
  return OkStatus();
}

}  // namespace shoji::qemu

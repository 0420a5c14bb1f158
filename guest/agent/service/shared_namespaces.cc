#include "service/shared_namespaces.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "log.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent {
namespace {

// The first process of the shared namespace: orphans fall to it, and it lets them go.
[[noreturn]] void Pause() {
  prctl(PR_SET_NAME, "shoji-pause");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  syscall(SYS_close_range, 0U, ~0U, 0U);
  signal(SIGCHLD, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  while (true) pause();
}

// Back to the namespaces from before, when the scope ends.
class Return {
 public:
  Return()
      : ipc_(open("/proc/self/ns/ipc", O_RDONLY | O_CLOEXEC)),
        uts_(open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC)) {}
  ~Return() {
    if (!ready() || setns(ipc_.get(), CLONE_NEWIPC) < 0 || setns(uts_.get(), CLONE_NEWUTS) < 0) {
      Log(LogLevel::kError, "cannot go back to the agent's own namespaces");
    }
  }
  Return(const Return&) = delete;
  Return& operator=(const Return&) = delete;
  bool ready() const { return ipc_ && uts_; }

 private:
  UniqueFd ipc_;
  UniqueFd uts_;
};

}  // namespace

Result<std::unique_ptr<SharedNamespaces>> SharedNamespaces::Create(const std::string& hostname,
                                                                   bool pid) {
  std::unique_ptr<SharedNamespaces> made(new SharedNamespaces);
  SHOJI_RETURN_IF_ERROR(made->MakeIpcAndUts(hostname));
  if (pid) SHOJI_RETURN_IF_ERROR(made->MakePid());
  return made;
}

SharedNamespaces::~SharedNamespaces() {
  if (pause_ > 0) kill(pause_, SIGKILL);  // the reaper of the agent collects it
  if (!mqueue_.empty() &&
      (umount2(mqueue_.c_str(), MNT_DETACH) < 0 || rmdir(mqueue_.c_str()) < 0)) {
    Log(LogLevel::kError, ErrnoStatus(errno, "cannot remove " + mqueue_).message());
  }
  for (const std::string& path : kept_) {
    if (umount2(path.c_str(), MNT_DETACH) < 0 || unlink(path.c_str()) < 0) {
      Log(LogLevel::kError, ErrnoStatus(errno, "cannot remove namespace " + path).message());
    }
  }
}

Status SharedNamespaces::MakeIpcAndUts(const std::string& hostname) {
  const Return back;
  if (!back.ready()) return ErrnoStatus(errno, "cannot open the agent's own namespaces");
  if (unshare(CLONE_NEWIPC | CLONE_NEWUTS) < 0) {
    return ErrnoStatus(errno, "cannot make the sandbox's namespaces");
  }
  if (!hostname.empty() && sethostname(hostname.data(), hostname.size()) < 0) {
    return ErrnoStatus(errno, "cannot set the host name " + hostname);
  }
  SHOJI_RETURN_IF_ERROR(MakeDirs(kNamespaceDir));
  SHOJI_RETURN_IF_ERROR(Keep("ipc"));
  SHOJI_RETURN_IF_ERROR(ShowQueues());
  return Keep("uts");
}

Status SharedNamespaces::Keep(const std::string& name) {
  const std::string path = std::string(kNamespaceDir) + "/" + name;
  SHOJI_RETURN_IF_ERROR(WriteFile(path, "", 0600));
  if (mount(("/proc/self/ns/" + name).c_str(), path.c_str(), nullptr, MS_BIND, nullptr) < 0) {
    Status status = ErrnoStatus(errno, "cannot keep namespace " + path);
    unlink(path.c_str());
    return status;
  }
  kept_.push_back(path);
  return OkStatus();
}

// Only who owns the namespace may mount its queues: a container with users of its own does not.
Status SharedNamespaces::ShowQueues() {
  const std::string path = std::string(kNamespaceDir) + "/mqueue";
  SHOJI_RETURN_IF_ERROR(MakeDirs(path));
  if (mount("mqueue", path.c_str(), "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0) {
    mqueue_ = path;
    return OkStatus();
  }
  const int error = errno;
  rmdir(path.c_str());
  return error == ENODEV ? OkStatus() : ErrnoStatus(error, "cannot mount the message queues");
}

Status SharedNamespaces::MakePid() {
  const long child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return ErrnoStatus(errno, "cannot make the sandbox's process namespace");
  if (child == 0) Pause();
  pause_ = static_cast<pid_t>(child);
  return OkStatus();
}

Status SharedNamespaces::EnsurePid() { return pause_ > 0 ? OkStatus() : MakePid(); }

std::string SharedNamespaces::pid() const {
  return pause_ < 0 ? std::string() : "/proc/" + std::to_string(pause_) + "/ns/pid";
}

}  // namespace shoji::agent

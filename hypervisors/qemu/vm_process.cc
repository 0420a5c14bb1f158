#include "vm_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "feature_args.h"
#include "names.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "snapshot.h"

namespace shoji::qemu {
namespace {

// A QEMU that ends takes its virtiofsd along, and not the other way round.
constexpr std::chrono::milliseconds kQemuFirst{500};

}  // namespace

Status QemuVm::Process::Listen(const std::string& path, int number) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, ListenUnix(path));
  theirs.emplace_back(std::move(fd), number);
  return OkStatus();
}

Status QemuVm::Process::AddStderr() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return ErrnoStatus(errno, "cannot create a pipe");
  streams.emplace_back(ends[0]);
  theirs.emplace_back(UniqueFd(ends[1]), STDERR_FILENO);
  return OkStatus();
}

Status QemuVm::Process::AddConsole(const std::string& path, const std::string& tee_path) {
  SHOJI_RETURN_IF_ERROR(Listen(path, kConsoleFd));
  // Waits in the backlog until QEMU has come so far.
  SHOJI_ASSIGN_OR_RETURN(UniqueFd console, ConnectUnix(path));
  UniqueFd input(fcntl(console.get(), F_DUPFD_CLOEXEC, 0));
  if (!input) return ErrnoStatus(errno, "cannot duplicate a descriptor");
  SHOJI_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(tee_path));
  tee = std::make_unique<ConsoleTee>(std::move(listener), std::move(input));
  streams.push_back(std::move(console));
  return OkStatus();
}

Status QemuVm::Process::AddEarlyConsole() {
  SHOJI_ASSIGN_OR_RETURN(auto pair, SocketPair());
  streams.push_back(std::move(pair.first));
  theirs.emplace_back(std::move(pair.second), kEarlyFd);
  return OkStatus();
}

std::vector<std::pair<int, int>> QemuVm::Process::Map() const {
  std::vector<std::pair<int, int>> map;
  for (const auto& [fd, number] : theirs) map.emplace_back(fd.get(), number);
  return map;
}

Status QemuVm::PrepareMemory(Process& process) {
  const sdk::VmConfig& config = launch_->config;
  if (config.memory_path.empty() || launch_->incoming.has_value()) return OkStatus();
  SHOJI_RETURN_IF_ERROR(MakeMemoryFile(config.memory_path, config.memory_bytes));
  process.made_memory = true;
  return OkStatus();
}

Status QemuVm::StartShares(Process& process) {
  if (!launch_->features.virtio_fs()) return OkStatus();
  int number = kFirstShareFd;
  for (const sdk::VmShareConfig& share : launch_->config.shares) {
    SHOJI_ASSIGN_OR_RETURN(
        VirtioFsBackend backend,
        StartVirtioFs(host_, launch_->config.id, run_dir_, launch_->features, share));
    process.theirs.emplace_back(std::move(backend.connection), number++);
    process.streams.push_back(std::move(backend.messages));
    process.backends.push_back(std::move(backend));
  }
  return OkStatus();
}

TailHooks QemuVm::HooksOf(Process& process) {
  TailHooks hooks;
  hooks.tee = std::move(process.tee);
  hooks.teed = kConsole;
  if (process.backends.empty()) return hooks;
  const auto qemu =
      std::make_shared<UniqueFd>(fcntl(process.spawned.pidfd.get(), F_DUPFD_CLOEXEC, 0));
  // The reader is a member of ours: it ends before we do.
  hooks.on_end = [this, qemu](std::size_t stream) {
    if (stream >= kFirstHelper) HelperEnded(stream - kFirstHelper, qemu->get());
  };
  return hooks;
}

// A guest whose share is not served hangs in the middle of whatever it does: its VM is over.
void QemuVm::HelperEnded(std::size_t helper, int qemu) {
  if (WaitForEnd(qemu, Deadline::After(kQemuFirst))) return;
  const std::string tag = launch_->config.shares[helper].tag;
  const std::string what = "virtiofsd of share \"" + tag + "\" has ended, and so the VM is ended";
  host_.Log(SHOJI_LOG_ERROR, launch_->config.id + ": " + what);
  {
    const MutexLock lock(mutex_);
    helper_words_ += what + "\n";
  }
  syscall(SYS_pidfd_send_signal, qemu, SIGKILL, nullptr, 0);
}

Status QemuVm::EndHelpers() {
  std::vector<UniqueFd> helpers;
  {
    const MutexLock lock(mutex_);
    helpers = std::move(helpers_);
    helpers_.clear();
  }
  Status first;
  for (const UniqueFd& helper : helpers) {
    Status ended = EndVirtioFs(helper.get(), Deadline::After(std::chrono::seconds(1)));
    if (!ended.ok() && first.ok()) first = std::move(ended);
  }
  return first;
}

}  // namespace shoji::qemu

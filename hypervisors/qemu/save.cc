// shoji.hypervisor.snapshot/1: the half that a running VM does, and the clone's start.
#include <fcntl.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "monitor.h"
#include "recipe.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "snapshot.h"
#include "vm.h"

namespace shoji::qemu {
namespace {

constexpr std::uint64_t kNearlyFull = 1U << 20U;

Status CheckEmptyDir(const std::string& dir) {
  if (dir.empty() || dir[0] != '/') {
    return InvalidArgument("directory \"" + dir + "\" of a snapshot is not an absolute path");
  }
  SHOJI_ASSIGN_OR_RETURN(const auto names, ListDir(dir));
  if (names.empty()) return OkStatus();
  return InvalidArgument("directory \"" + dir + "\" of a snapshot is not empty: it has \"" +
                         names[0] + "\"");
}

Status CheckRecipe(const std::string& recipe, bool shared_memory) {
  if (recipe.empty()) {
    return FailedPrecondition("the VM was started by an older plugin and cannot be saved");
  }
  if (const std::string tag = VirtioFsTagOf(recipe); !tag.empty()) {
    return FailedPrecondition("share \"" + tag +
                              "\" over virtio-fs cannot be saved; set hypervisor.qemu.shared_fs "
                              "to 9p");
  }
  if (shared_memory && MemoryPathOf(recipe).empty()) {
    return FailedPrecondition(
        "the VM was created without a memory file, so its memory cannot be left out of the state");
  }
  return OkStatus();
}

Status CheckPaused(QmpClient& monitor, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(const std::string state, RunState(monitor, limit));
  if (state == "postmigrate") {
    return FailedPrecondition("the VM was saved since it was paused; resume and pause it first");
  }
  if (state == "paused" || state == "prelaunch") return OkStatus();
  return FailedPrecondition("the VM is in state \"" + state + "\"; pause it before saving it");
}

bool DiskIsFull(const std::string& dir) {
  struct statvfs fs {};
  return statvfs(dir.c_str(), &fs) == 0 &&
         std::uint64_t{fs.f_bavail} * std::uint64_t{fs.f_frsize} < kNearlyFull;
}

Status FullDisk(const std::string& dir, const Status& cause) {
  return ResourceExhausted("no space for the snapshot in \"" + dir + "\": " + cause.message());
}

Status SaveInto(QmpClient& monitor, const std::string& dir, const std::string& recipe,
                bool shared_memory, const QmpLimit& limit) {
  const std::string path = StatePathIn(dir);
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return ErrnoStatus(errno, "cannot make \"" + path + "\"");
  SHOJI_RETURN_IF_ERROR(WriteState(monitor, fd.get(), shared_memory, limit));
  return SealSnapshot(dir, {QemuVersionText(monitor.version()), shared_memory, recipe, 0, 0});
}

}  // namespace

Status QemuVm::Save(const sdk::HypervisorCall& call, const std::string& dir, bool shared_memory) {
  const QmpLimit limit = LimitOf(call);
  std::string recipe;
  {
    const MutexLock lock(mutex_);
    recipe = saved_.recipe;
  }
  SHOJI_RETURN_IF_ERROR(CheckEmptyDir(dir));
  SHOJI_RETURN_IF_ERROR(CheckRecipe(recipe, shared_memory));
  SHOJI_ASSIGN_OR_RETURN(const Monitor monitor, BorrowMonitor(limit));
  SHOJI_RETURN_IF_ERROR(CheckPaused(*monitor, limit));
  Status status = SaveInto(*monitor, dir, recipe, shared_memory, limit);
  if (status.ok()) return status;
  const bool full = status.code() == StatusCode::kUnknown && DiskIsFull(dir);
  RemoveSnapshot(dir);
  if (full || status.sys_errno() == ENOSPC || status.sys_errno() == EDQUOT) {
    return FullDisk(dir, status);
  }
  return status;
}

// The last step of a clone's start.
Status QemuVm::LoadState(const QmpLimit& limit) {
  const Incoming& incoming = *launch_->incoming;
  const std::string here = QemuVersionText(qmp_->version());
  if (here != incoming.qemu) {
    return InvalidArgument("the VM was saved by QEMU " + incoming.qemu + ", this is QEMU " + here);
  }
  const UniqueFd fd(open(incoming.state.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open \"" + incoming.state + "\"");
  Status taken = TakeState(*qmp_, fd.get(), incoming.shared_memory, limit);
  if (taken.code() != StatusCode::kUnavailable) return taken;
  return DataLoss("QEMU could not take the state of the VM in \"" + incoming.state + "\"");
}

}  // namespace shoji::qemu

#include "jail/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "jail/copy_up.h"
#include "jail/resolve.h"
#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

constexpr unsigned long kBind = MS_BIND;
constexpr unsigned long kRecursive = MS_REC;
constexpr unsigned long kReadOnly = MS_RDONLY;

Status Failed(const MountPlan& plan, Status status) {
  return std::move(status).WithContext(plan.Text());
}

Status SetPropagation(int root_fd, const MountPlan& plan) {
  if (plan.options.propagation.empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd top, OpenInRoot(root_fd, plan.destination, O_PATH));
  for (const unsigned long flags : plan.options.propagation) {
    if (mount(nullptr, FdPath(top.get()).c_str(), nullptr, flags, nullptr) < 0)
      return ErrnoStatus(errno, "cannot set the propagation");
  }
  return OkStatus();
}

Status Remount(int root_fd, const MountPlan& plan) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd target, OpenInRoot(root_fd, plan.destination, O_PATH));
  const unsigned long flags = MS_REMOUNT | plan.options.set | (plan.options.bind ? kBind : 0UL);
  if (mount(nullptr, FdPath(target.get()).c_str(), nullptr, flags, plan.options.data.c_str()) < 0)
    return ErrnoStatus(errno, "cannot remount");
  return SetPropagation(root_fd, plan);
}

Status Bind(int root_fd, const MountPlan& plan) {
  const UniqueFd source(open(plan.source.c_str(), O_PATH | O_CLOEXEC));
  if (!source) return ErrnoStatus(errno, "cannot open the source");
  struct stat st {};
  if (fstat(source.get(), &st) < 0) return ErrnoStatus(errno, "cannot look at the source");
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd target, S_ISDIR(st.st_mode)
                                                    ? EnsureDir(root_fd, plan.destination, 0755)
                                                    : EnsureFile(root_fd, plan.destination));
  const unsigned long flags = kBind | (plan.options.recursive ? kRecursive : 0UL);
  if (mount(FdPath(source.get()).c_str(), FdPath(target.get()).c_str(), nullptr, flags, nullptr) <
      0)
    return ErrnoStatus(errno, "cannot mount");
  if (plan.options.set != 0) {
    SHOJI_ASSIGN_OR_RETURN(const UniqueFd top, OpenInRoot(root_fd, plan.destination, O_PATH));
    SHOJI_RETURN_IF_ERROR(AddMountFlags(top.get(), plan.options.set));
  }
  return SetPropagation(root_fd, plan);
}

// "rro" and its like: also for what a recursive bind brought along. A tmpfs waits with
// read-only as it does with "ro".
Status SetAttributes(int root_fd, const MountPlan& plan) {
  mount_attr attributes{};
  attributes.attr_set = plan.options.attributes_set;
  attributes.attr_clr = plan.options.attributes_clear;
  if (attributes.attr_set == 0 && attributes.attr_clr == 0) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd top, OpenInRoot(root_fd, plan.destination, O_PATH));
  if (syscall(SYS_mount_setattr, top.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
              sizeof attributes) == 0)
    return OkStatus();
  return ErrnoStatus(errno, "cannot set the recursive options");
}

bool IsCgroup(const MountPlan& plan) { return plan.type == "cgroup" || plan.type == "cgroup2"; }
bool IsTmpfs(const MountPlan& plan) { return plan.type == "tmpfs" && !plan.options.bind; }

bool HasOption(const std::string& data, const std::string& name) {
  return ("," + data).find("," + name) != std::string::npos;
}

// Without the terminals' group, which a user namespace may not have mapped.
std::string WithoutGid(const std::string& data) {
  const std::size_t at = data.rfind("gid=");
  if (at == std::string::npos || (at > 0 && data[at - 1] != ',')) return data;
  const std::size_t end = data.find(',', at);
  if (end != std::string::npos) return data.substr(0, at) + data.substr(end + 1);
  return data.substr(0, at == 0 ? 0 : at - 1);
}

Status MountBySource(const MountPlan& plan, const std::string& type, const std::string& target,
                     const std::string& data) {
  const std::string source = plan.source.empty() ? type : plan.source;
  const unsigned long flags = plan.options.set & (IsTmpfs(plan) ? ~kReadOnly : ~0UL);
  if (mount(source.c_str(), target.c_str(), type.c_str(), flags, data.c_str()) == 0)
    return OkStatus();
  const int error = errno;
  if (error == ENODEV) {
    return Status(StatusCode::kInvalidArgument,
                  "the kernel of the guest has no file system \"" + type + "\"")
        .WithErrno(error);
  }
  return ErrnoStatus(error, "cannot mount");
}

// What a restricted kernel or user namespace refuses, done the next best way.
Status MountOrFallBack(const MountPlan& plan, const std::string& target, const std::string& data) {
  const std::string type = IsCgroup(plan) ? "cgroup2" : plan.type;
  Status status = MountBySource(plan, type, target, data);
  if (status.ok()) return status;
  if (plan.type == "devpts" && status.sys_errno() == EINVAL && HasOption(data, "gid="))
    return MountBySource(plan, type, target, WithoutGid(data));
  // The /sys bound above brought our tree along, and the kernel mounts none right on itself.
  if (IsCgroup(plan) && status.sys_errno() == EBUSY &&
      mount("tmpfs", target.c_str(), "tmpfs", plan.options.set | MS_RDONLY, "size=4k,mode=755") ==
          0) {
    status = MountBySource(plan, type, target, data);
    if (status.ok()) return status;
  }
  const bool refused = status.sys_errno() == EPERM || status.sys_errno() == EBUSY;
  if (refused && !plan.instead.empty() &&
      mount(plan.instead.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0)
    return OkStatus();
  return status;
}

// The image must not choose where /proc and /sys are: what protects them goes by name.
Status RefuseLink(int root_fd, const MountPlan& plan) {
  if (plan.type != "proc" && plan.type != "sysfs") return OkStatus();
  if (OpenInRoot(root_fd, plan.destination, O_PATH | O_DIRECTORY | O_NOFOLLOW).ok())
    return OkStatus();
  return FailedPrecondition("the destination is a symbolic link in the image");
}

std::string DataOf(const MountPlan& plan, bool existed, int target) {
  std::string data = IsCgroup(plan) ? "" : plan.options.data;
  struct stat st {};
  // A tmpfs takes the mode of the directory it covers, unless told.
  if (!IsTmpfs(plan) || !existed || HasOption(data, "mode=") || fstat(target, &st) < 0) return data;
  char mode[16];
  std::snprintf(mode, sizeof mode, "mode=%o", st.st_mode & 07777U);
  return data + (data.empty() ? "" : ",") + mode;
}

Status MountNew(int root_fd, const MountPlan& plan) {
  bool made = false;
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd target, EnsureDir(root_fd, plan.destination, 0755, &made));
  const bool existed = !made;
  SHOJI_RETURN_IF_ERROR(RefuseLink(root_fd, plan));
  SHOJI_RETURN_IF_ERROR(
      MountOrFallBack(plan, FdPath(target.get()), DataOf(plan, existed, target.get())));
  if (!plan.instead.empty()) {  // what was bound instead has the guest's flags
    SHOJI_ASSIGN_OR_RETURN(const UniqueFd top, OpenInRoot(root_fd, plan.destination, O_PATH));
    SHOJI_RETURN_IF_ERROR(AddMountFlags(top.get(), plan.options.set));
  }
  if (IsTmpfs(plan) && plan.options.copy_up && existed) {
    SHOJI_ASSIGN_OR_RETURN(const UniqueFd top,
                           OpenInRoot(root_fd, plan.destination, O_RDONLY | O_DIRECTORY));
    SHOJI_RETURN_IF_ERROR(CopyUp(target.get(), top.get()));
  }
  return SetPropagation(root_fd, plan);
}

Status MountOne(int root_fd, const MountPlan& plan) {
  if (plan.options.remount) return Remount(root_fd, plan);
  if (plan.options.bind) return Bind(root_fd, plan);
  return MountNew(root_fd, plan);
}

bool IsSealed(const MountPlan& plan) {
  return IsTmpfs(plan) && ((plan.options.set & MS_RDONLY) != 0 ||
                           (plan.options.attributes_set & MOUNT_ATTR_RDONLY) != 0);
}

Status Seal(int root_fd, const MountPlan& plan) {
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd top, OpenInRoot(root_fd, plan.destination, O_PATH));
  SHOJI_RETURN_IF_ERROR(AddMountFlags(top.get(), plan.options.set & MS_RDONLY));
  return SetAttributes(root_fd, plan);
}

// The flags that every kind of mount has.
std::uint64_t AttributesOf(unsigned long flags) {
  constexpr struct {
    unsigned long flag;
    std::uint64_t attribute;
  } kPairs[] = {{MS_RDONLY, MOUNT_ATTR_RDONLY},
                {MS_NOSUID, MOUNT_ATTR_NOSUID},
                {MS_NODEV, MOUNT_ATTR_NODEV},
                {MS_NOEXEC, MOUNT_ATTR_NOEXEC}};
  std::uint64_t attributes = 0;
  for (const auto& pair : kPairs) attributes |= (flags & pair.flag) != 0 ? pair.attribute : 0;
  return attributes;
}

// Without asking the file system: a 9p server opens what it is asked about, and that fails for a
// socket, or for a FIFO that nobody reads.
Status AddAttributes(int fd, unsigned long flags) {
  mount_attr attributes{};
  attributes.attr_set = AttributesOf(flags);
  if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0)
    return OkStatus();
  return ErrnoStatus(errno, "cannot set the flags of the mount");
}

}  // namespace

Status AddMountFlags(int fd, unsigned long flags) {
  struct statvfs st {};
  if (fstatvfs(fd, &st) < 0) return AddAttributes(fd, flags);
  const unsigned long existing = FlagsFromStatvfs(st.f_flag);
  const unsigned long wanted = MergeFlags(existing, flags);
  if (wanted == existing) return OkStatus();
  if (mount(nullptr, FdPath(fd).c_str(), nullptr, MS_REMOUNT | MS_BIND | wanted, nullptr) < 0)
    return ErrnoStatus(errno, "cannot set the flags of the mount");
  return OkStatus();
}

Status MountAll(int root_fd, const std::vector<MountPlan>& mounts) {
  for (const MountPlan& plan : mounts) {
    Status status = MountOne(root_fd, plan);
    if (status.ok() && !IsSealed(plan)) status = SetAttributes(root_fd, plan);
    if (!status.ok()) return Failed(plan, std::move(status));
  }
  return OkStatus();
}

Status SealMounts(int root_fd, const std::vector<MountPlan>& mounts) {
  for (const MountPlan& plan : mounts) {
    if (!IsSealed(plan)) continue;
    Status status = Seal(root_fd, plan);
    if (!status.ok()) return Failed(plan, std::move(status));
  }
  return OkStatus();
}

}  // namespace shoji::jail

#include "service/storage.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "jail/mount_options.h"
#include "log.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji::agent {
namespace {

Status CheckStorage(const grpc::Storage& storage) {
  const std::vector<std::string> drivers = Storages::Drivers();
  if (std::find(drivers.begin(), drivers.end(), storage.driver()) == drivers.end()) {
    return InvalidArgument("storage " + storage.mount_point() + " has driver \"" +
                           storage.driver() +
                           "\"; the agent knows 9p, virtio-fs, ephemeral, local");
  }
  if (!storage.mount_point().starts_with("/")) {
    return InvalidArgument("mount point \"" + storage.mount_point() + "\" is no absolute path");
  }
  if (storage.driver() != "local" && storage.fstype().empty()) {
    return InvalidArgument("storage " + storage.mount_point() + " names no file system type");
  }
  return OkStatus();
}

// Old hosts name the file system as old kernels did.
std::string TypeOf(const grpc::Storage& storage) {
  return storage.fstype() == "virtio_fs" ? "virtiofs" : storage.fstype();
}

Status MountStorage(const grpc::Storage& storage) {
  const jail::MountOptions options = jail::ParseMountOptions(
      std::vector<std::string>(storage.options().begin(), storage.options().end()));
  const std::string type = TypeOf(storage);
  if (mount(storage.source().c_str(), storage.mount_point().c_str(), type.c_str(), options.set,
            options.data.c_str()) < 0) {
    return ErrnoStatus(errno, "cannot mount " + type + " " + storage.source() + " on " +
                                  storage.mount_point() + " (" + options.data + ")");
  }
  return OkStatus();
}

Status MakeLocal(const grpc::Storage& storage) {
  constexpr std::string_view kMode = "mode=";
  for (const std::string& option : storage.options()) {
    if (!option.starts_with(kMode)) continue;
    char* end = nullptr;
    const unsigned long mode = std::strtoul(option.c_str() + kMode.size(), &end, 8);
    if (*end != '\0' || mode > 07777) {
      return InvalidArgument("storage " + storage.mount_point() + ": " + option + " is no mode");
    }
    if (chmod(storage.mount_point().c_str(), static_cast<mode_t>(mode)) < 0) {
      return ErrnoStatus(errno, "cannot set the mode of " + storage.mount_point());
    }
  }
  return OkStatus();
}

}  // namespace

std::vector<std::string> Storages::Drivers() { return {"9p", "virtio-fs", "ephemeral", "local"}; }

Storages::~Storages() {
  while (!mounted_.empty()) {
    const Status status = ReleaseOne(mounted_.rbegin()->first);
    if (!status.ok()) Log(LogLevel::kError, status.message());
  }
}

Status Storages::MountOne(const grpc::Storage& storage) {
  SHOJI_RETURN_IF_ERROR(need_(TypeOf(storage)));
  return MountStorage(storage);
}

Status Storages::AddOne(const grpc::Storage& storage) {
  SHOJI_RETURN_IF_ERROR(CheckStorage(storage));
  const auto it = mounted_.find(storage.mount_point());
  if (it != mounted_.end()) {
    ++it->second.users;
    return OkStatus();
  }
  SHOJI_RETURN_IF_ERROR(MakeDirs(storage.mount_point()));
  const bool local = storage.driver() == "local";
  SHOJI_RETURN_IF_ERROR(local ? MakeLocal(storage) : MountOne(storage));
  mounted_[storage.mount_point()] = Mounted{1, !local};
  return OkStatus();
}

Result<Storages::MountPoints> Storages::Add(const Requested& requested) {
  MountPoints points;
  for (const grpc::Storage& storage : requested) {
    Status status = AddOne(storage);
    if (!status.ok()) {
      const Status undone = Release(points);
      if (!undone.ok()) Log(LogLevel::kError, undone.message());
      return status;
    }
    points.push_back(storage.mount_point());
  }
  return points;
}

Status Storages::ReleaseOne(const std::string& point) {
  const auto it = mounted_.find(point);
  if (it == mounted_.end() || --it->second.users > 0) return OkStatus();
  const bool is_mount = it->second.is_mount;
  mounted_.erase(it);
  if (!is_mount) return RemoveTree(point);
  // Lazily: a process that is just ending may still have its directory there.
  if (umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL) {
    return ErrnoStatus(errno, "cannot unmount " + point);
  }
  rmdir(point.c_str());
  return OkStatus();
}

Status Storages::Release(const MountPoints& points) {
  Status first;
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    Status status = ReleaseOne(*point);
    if (first.ok()) first = std::move(status);
  }
  return first;
}

}  // namespace shoji::agent

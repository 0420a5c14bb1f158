#include "service/storage.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <string_view>

#include "jail/mount_options.h"
#include "log.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

constexpr const char* kDrivers[] = {"9p",     "virtio-fs", "blk",       "mmioblk",
                                    "nvdimm", "scsi",      "ephemeral", "local"};

Status CheckStorage(const grpc::Storage& storage) {
  const std::vector<std::string> drivers = Storages::Drivers();
  if (std::find(drivers.begin(), drivers.end(), storage.driver()) == drivers.end()) {
    return InvalidArgument("storage " + storage.mount_point() + " has driver \"" +
                           storage.driver() + "\"; the agent knows " + Join(drivers, ", "));
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

jail::MountOptions OptionsOf(const grpc::Storage& storage) {
  jail::MountOptions options = jail::ParseMountOptions(
      std::vector<std::string>(storage.options().begin(), storage.options().end()));
  if (options.bind) options.set |= MS_BIND | (options.recursive ? MS_REC : 0);
  // Two disks from one template have the same id, which xfs refuses otherwise.
  if (storage.fstype() == "xfs" && options.data.find("nouuid") == std::string::npos) {
    options.data += options.data.empty() ? "nouuid" : ",nouuid";
  }
  return options;
}

Status MountStorage(const grpc::Storage& storage) {
  const jail::MountOptions options = OptionsOf(storage);
  const std::string type = TypeOf(storage);
  if (mount(storage.source().c_str(), storage.mount_point().c_str(), type.c_str(), options.set,
            options.data.c_str()) < 0) {
    return ErrnoStatus(errno, "cannot mount " + type + " " + storage.source() + " on " +
                                  storage.mount_point() + " (" + options.data + ")");
  }
  return OkStatus();
}

// "pagesize=2097152,size=4194304" of a hugetlbfs.
Result<std::uint64_t> SizeOption(const grpc::Storage& storage, const std::string& name) {
  for (const std::string& option : storage.options()) {
    for (const std::string& part : Split(option, ',')) {
      if (part.starts_with(name + "=")) return ParseSize(part.substr(name.size() + 1));
    }
  }
  return InvalidArgument("storage " + storage.mount_point() + " has no option " + name + "=BYTES");
}

Result<std::uint64_t> ReadCount(const std::string& file) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(file, 64));
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t count, ParseInt(Trim(text)));
  return static_cast<std::uint64_t>(count);
}

// Changes the number of huge pages; less than wanted is a failure.
Status AddPages(const std::string& file, std::uint64_t pages) {
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t before, ReadCount(file));
  SHOJI_RETURN_IF_ERROR(WriteFile(file, std::to_string(before + pages)));
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t after, ReadCount(file));
  if (after >= before + pages) return OkStatus();
  SHOJI_RETURN_IF_ERROR(WriteFile(file, std::to_string(before)));
  return ResourceExhausted("the guest can have " + std::to_string(after - before) + " of " +
                           std::to_string(pages) + " huge pages (" + file + ")");
}

Status RemovePages(const std::string& file, std::uint64_t pages) {
  if (pages == 0) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t before, ReadCount(file));
  return WriteFile(file, std::to_string(before - std::min(before, pages)));
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

std::vector<std::string> Storages::Drivers() { return {std::begin(kDrivers), std::end(kDrivers)}; }

Status Storages::Check(const Requested& requested) {
  for (const grpc::Storage& storage : requested) SHOJI_RETURN_IF_ERROR(CheckStorage(storage));
  return OkStatus();
}

Storages::~Storages() {
  while (!mounted_.empty()) {
    const Status status = ReleaseOne(mounted_.rbegin()->first);
    if (!status.ok()) Log(LogLevel::kError, status.message());
  }
}

Status Storages::MountOne(const grpc::Storage& storage, Mounted* mounted) {
  SHOJI_RETURN_IF_ERROR(need_(TypeOf(storage)));
  if (storage.fstype() == "hugetlbfs") {
    SHOJI_ASSIGN_OR_RETURN(const std::uint64_t page, SizeOption(storage, "pagesize"));
    SHOJI_ASSIGN_OR_RETURN(const std::uint64_t size, SizeOption(storage, "size"));
    if (page < 1024) return InvalidArgument("pagesize " + std::to_string(page) + " is none");
    mounted->pages_file =
        sys_ + "/kernel/mm/hugepages/hugepages-" + std::to_string(page / 1024) + "kB/nr_hugepages";
    mounted->pages = size / page;
    SHOJI_RETURN_IF_ERROR(AddPages(mounted->pages_file, mounted->pages));
  }
  const Status status = MountStorage(storage);
  if (!status.ok()) (void)RemovePages(mounted->pages_file, mounted->pages).ok();
  return status;
}

Status Storages::AddOne(const grpc::Storage& storage) {
  const auto it = mounted_.find(storage.mount_point());
  if (it != mounted_.end()) {
    ++it->second.users;
    return OkStatus();
  }
  const bool there = PathExists(storage.mount_point());
  SHOJI_RETURN_IF_ERROR(MakeDirs(storage.mount_point()));
  const bool local = storage.driver() == "local";
  Mounted mounted{1, !local, "", 0};
  const Status made = local ? MakeLocal(storage) : MountOne(storage, &mounted);
  if (!made.ok() && !there) rmdir(storage.mount_point().c_str());
  SHOJI_RETURN_IF_ERROR(made);
  mounted_[storage.mount_point()] = mounted;
  return OkStatus();
}

Result<Storages::MountPoints> Storages::Add(const Requested& requested) {
  SHOJI_RETURN_IF_ERROR(Check(requested));
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

Status Storages::ReleaseOne(std::string point) {
  const auto it = mounted_.find(point);
  if (it == mounted_.end() || --it->second.users > 0) return OkStatus();
  const Mounted mounted = it->second;
  mounted_.erase(it);
  if (!mounted.is_mount) return RemoveTree(point);
  // Lazily: a process that is just ending may still have its directory there.
  if (umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL) {
    return ErrnoStatus(errno, "cannot unmount " + point);
  }
  rmdir(point.c_str());
  return RemovePages(mounted.pages_file, mounted.pages);
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

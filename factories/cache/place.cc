#include "place.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "mounts.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji::cache {
namespace {

// Long enough never to be that of another VM or of a sandbox.
Result<std::string> RandomId() {
  std::array<unsigned char, 8> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return ErrnoStatus(errno, "cannot read random bytes");
  }
  std::string id = "held-";
  for (const unsigned char byte : bytes) {
    char digits[3];
    snprintf(digits, sizeof digits, "%02x", byte);
    id += digits;
  }
  return id;
}

bool IsLink(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
}

bool IsDirectory(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Locked until the descriptor is closed; the file tells who it is, as those of sandboxes do.
Result<UniqueFd> LockOwner(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return ErrnoStatus(errno, "cannot open " + path);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) < 0) return ErrnoStatus(errno, "cannot lock " + path);
  SHOJI_RETURN_IF_ERROR(WriteAll(fd.get(), std::to_string(getpid()) + "\n"));
  return fd;
}

}  // namespace

std::string HeldDir(const std::string& sandbox_dir) { return sandbox_dir + "/held"; }

Result<Place> Place::Make(const std::string& run_dir, bool with_share) {
  SHOJI_ASSIGN_OR_RETURN(std::string id, RandomId());
  SHOJI_RETURN_IF_ERROR(MakeDirs(run_dir + "/factory", 0700));
  const std::string dir = run_dir + "/factory/" + id;
  if (mkdir(dir.c_str(), 0700) < 0) return ErrnoStatus(errno, "cannot create directory " + dir);
  Place place(std::move(id), dir);
  SHOJI_RETURN_IF_ERROR(place.Fill(with_share));
  return place;
}

Status Place::Fill(bool with_share) {
  SHOJI_ASSIGN_OR_RETURN(owner_, LockOwner(dir_ + "/owner"));
  SHOJI_RETURN_IF_ERROR(MakeDirs(dir_ + "/vm", 0700));
  SHOJI_RETURN_IF_ERROR(MakeDirs(dir_ + "/proxy", 0700));
  return with_share ? MountShare(dir_) : OkStatus();
}

Result<Place> Place::FindMoved(const std::string& run_dir, const std::string& sandbox_dir) {
  const std::string held = HeldDir(sandbox_dir);
  const auto names = ListDir(held);
  if (!names.ok()) return NotFound("no VM was moved to " + held);
  for (const std::string& name : *names) {
    if (!IsDirectory(held + "/" + name)) continue;
    Place place(name, run_dir + "/factory/" + name);
    place.moved_to_ = held;
    return place;
  }
  return NotFound("no VM was moved to " + held);
}

Place::Place(Place&& other) noexcept
    : id_(std::exchange(other.id_, {})),
      dir_(std::exchange(other.dir_, {})),
      moved_to_(std::exchange(other.moved_to_, {})),
      owner_(std::move(other.owner_)) {}

Place& Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  if (!dir_.empty() && !moved()) static_cast<void>(Remove());
  id_ = std::exchange(other.id_, {});
  dir_ = std::exchange(other.dir_, {});
  moved_to_ = std::exchange(other.moved_to_, {});
  owner_ = std::move(other.owner_);
  return *this;
}

Place::~Place() {
  if (!dir_.empty() && !moved()) static_cast<void>(Remove());
}

// The link is made where the directory is to be, then the two change places.
Status Place::MoveTo(const std::string& sandbox_dir) {
  const std::string held = HeldDir(sandbox_dir);
  const std::string target = held + "/" + id_;
  if (symlink(target.c_str(), target.c_str()) < 0) {
    return ErrnoStatus(errno, "cannot make the link " + target);
  }
  if (renameat2(AT_FDCWD, dir_.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) < 0) {
    const int error = errno;
    unlink(target.c_str());
    return ErrnoStatus(error, "cannot move " + dir_ + " to " + target);
  }
  moved_to_ = held;
  owner_.reset();
  return OkStatus();
}

Status Place::Remove() {
  const std::string dir = std::exchange(dir_, {});
  if (dir.empty()) return OkStatus();
  const std::string real = moved() ? moved_to_ + "/" + id_ : dir;
  SHOJI_RETURN_IF_ERROR(UnmountBelow(real));
  if (moved() && IsLink(dir)) SHOJI_RETURN_IF_ERROR(RemoveFile(dir));
  const Status removed = RemoveTree(real);
  owner_.reset();
  return removed;
}

}  // namespace shoji::cache

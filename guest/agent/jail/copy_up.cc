#include "jail/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "shoji/base/errno.h"
#include "shoji/base/unique_fd.h"

namespace shoji::jail {
namespace {

Status Failed(const std::string& name) {
  return ErrnoStatus(errno, "cannot copy \"" + name + "\" up into the tmpfs");
}

Result<std::vector<std::string>> NamesIn(int dir) {
  UniqueFd fd(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return Failed(".");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(fd.get()), &closedir);
  if (!stream) return Failed(".");
  (void)fd.release();  // the stream closes it
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

Status CopyLink(int from, int to, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t size = readlinkat(from, name.c_str(), target, sizeof target - 1);
  if (size < 0) return Failed(name);
  target[size] = '\0';
  return symlinkat(target, to, name.c_str()) < 0 ? Failed(name) : OkStatus();
}

Status CopyFile(int from, int to, const std::string& name, mode_t mode) {
  constexpr int kNew = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  const UniqueFd in(openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  const UniqueFd out(in ? openat(to, name.c_str(), kNew, mode) : -1);
  if (!out) return Failed(name);
  ssize_t copied = 0;
  do {
    copied = sendfile(out.get(), in.get(), nullptr, 1U << 20U);
  } while (copied > 0);
  return copied < 0 ? Failed(name) : OkStatus();
}

Status CopyDir(int from, int to, const std::string& name, mode_t mode) {
  if (mkdirat(to, name.c_str(), mode) < 0) return Failed(name);
  constexpr int kDir = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd in(openat(from, name.c_str(), kDir));
  const UniqueFd out(openat(to, name.c_str(), kDir));
  if (!in || !out) return Failed(name);
  return CopyUp(in.get(), out.get());
}

Status CopyOne(int from, int to, const std::string& name) {
  struct stat st {};
  if (fstatat(from, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return Failed(name);
  const mode_t mode = st.st_mode & 07777U;
  if (S_ISDIR(st.st_mode)) {
    SHOJI_RETURN_IF_ERROR(CopyDir(from, to, name, mode));
  } else if (S_ISREG(st.st_mode)) {
    SHOJI_RETURN_IF_ERROR(CopyFile(from, to, name, mode));
  } else if (S_ISLNK(st.st_mode)) {
    SHOJI_RETURN_IF_ERROR(CopyLink(from, to, name));
  } else {
    return OkStatus();  // sockets and pipes of an image mean nothing here
  }
  if (fchownat(to, name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
    return Failed(name);
  // chown has cleared set-user-id bits.
  if (!S_ISLNK(st.st_mode) && fchmodat(to, name.c_str(), mode, 0) < 0) return Failed(name);
  return OkStatus();
}

}  // namespace

Status CopyUp(int from, int to) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(from));
  for (const std::string& name : names) SHOJI_RETURN_IF_ERROR(CopyOne(from, to, name));
  return OkStatus();
}

}  // namespace shoji::jail

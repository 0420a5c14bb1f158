#include "file_id.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <sstream>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::templates {
namespace {

constexpr std::int64_t kNanos = 1'000'000'000;
constexpr std::size_t kMaxMaps = 16U << 20U;

std::int64_t Nanos(const timespec& at) { return at.tv_sec * kNanos + at.tv_nsec; }

// A line of /proc/PID/maps: "address rights offset 00:1a 1234 path".
bool Maps(const std::string& maps, const std::string& device, std::uint64_t inode) {
  std::istringstream lines(maps);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string skipped;
    std::string on;
    std::uint64_t number = 0;
    words >> skipped >> skipped >> skipped >> on >> number;
    if (number == inode && on == device) return true;
  }
  return false;
}

}  // namespace

Result<FileId> FileId::Of(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) < 0) return ErrnoStatus(errno, "\"" + path + "\"");
  if (!S_ISREG(info.st_mode)) return FailedPrecondition("\"" + path + "\" is not a file");
  return FileId{path,
                info.st_dev,
                info.st_ino,
                static_cast<std::uint64_t>(info.st_size),
                Nanos(info.st_mtim),
                Nanos(info.st_ctim)};
}

std::uint32_t CountUsers(const std::string& path) {
  struct stat info {};
  const auto names = ListDir("/proc");
  if (stat(path.c_str(), &info) < 0 || !names.ok()) return 0;
  char device[32];
  snprintf(device, sizeof device, "%02x:%02x", major(info.st_dev), minor(info.st_dev));
  return static_cast<std::uint32_t>(
      std::count_if(names->begin(), names->end(), [&](const std::string& name) {
        if (!ParseInt(name).ok()) return false;
        const auto maps = ReadFile("/proc/" + name + "/maps", kMaxMaps);
        return maps.ok() && Maps(*maps, device, info.st_ino);
      }));
}

// A lease for writing is given only while nobody else has the file, and the kernel knows that
// best: whichever process it is, and however it ended.
bool IsUnused(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return errno == ENOENT;
  if (fcntl(fd.get(), F_SETLEASE, F_WRLCK) == 0) {
    fcntl(fd.get(), F_SETLEASE, F_UNLCK);
    return true;
  }
  // A file system without leases.
  return errno != EAGAIN && CountUsers(path) == 0;
}

}  // namespace shoji::templates

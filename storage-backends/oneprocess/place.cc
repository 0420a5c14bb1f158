#include "place.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"
#include "turn.h"

namespace shoji::oneprocess {
namespace {

constexpr std::string_view kMarker = ".store";

Status SyncDir(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) < 0) return ErrnoStatus(errno, "cannot sync directory " + path);
  return OkStatus();
}

Status MakeDir(const std::string& path) {
  if (PathExists(path)) return OkStatus();
  SHOJI_RETURN_IF_ERROR(MakeDirs(path, 0700));
  const std::size_t slash = path.rfind('/');
  return SyncDir(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

std::string MarkerText(const std::string& engine) { return "Shoji " + engine + " store 1\n"; }

}  // namespace

Result<Place> Place::Prepare(const std::string& path, std::string_view engine) {
  Place place(path, engine);
  SHOJI_RETURN_IF_ERROR(MakeDir(path));
  struct stat st {};
  if (stat(path.c_str(), &st) < 0) return ErrnoStatus(errno, "cannot look at " + path);
  if (!S_ISDIR(st.st_mode)) {
    return DataLoss(path + " is not a directory; set store." + place.engine_ +
                    ".path to one that is empty or not there");
  }
  place.id_ = {st.st_dev, st.st_ino};
  if (!PathExists(path + "/" + std::string(kMarker))) SHOJI_RETURN_IF_ERROR(place.MakeMarker());
  SHOJI_RETURN_IF_ERROR(place.CheckMarker());
  SHOJI_RETURN_IF_ERROR(Turn(path).Prepare());
  if (mkdir(place.db().c_str(), 0700) < 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "cannot create directory " + place.db());
  }
  return place;
}

// The marker comes first and whole, so what lies beside it is ours.
Status Place::MakeMarker() const {
  const std::string marker = path_ + "/" + std::string(kMarker);
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(path_));
  const auto foreign = std::find_if(names.begin(), names.end(), [](const std::string& name) {
    return name.compare(0, kMarker.size(), kMarker) != 0;  // another process may be making it
  });
  if (foreign == names.end()) return WriteFileAtomic(marker, MarkerText(engine_));
  if (PathExists(marker)) return OkStatus();  // it has been made meanwhile
  return DataLoss("directory " + path_ + " holds something that is not a Shoji store (" + *foreign +
                  "); set store." + engine_ + ".path to an empty directory");
}

Status Place::CheckMarker() const {
  const std::string marker = path_ + "/" + std::string(kMarker);
  SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(marker, 4096));
  if (text == MarkerText(engine_)) return OkStatus();
  return DataLoss(marker + " is not that of a " + engine_ +
                  " store this version knows; the directory is left alone");
}

bool Place::IsMade() const { return PathExists(path_ + "/.made"); }

Status Place::MarkMade() const { return WriteFileAtomic(path_ + "/.made", ""); }

}  // namespace shoji::oneprocess

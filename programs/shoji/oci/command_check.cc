#include "oci/command_check.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "oci/engine_log.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::cli {
namespace {

using nlohmann::json;

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

enum class Found { kYes, kNo, kNotExecutable, kUnknown };

// As the container will see it: links are followed inside its root.
UniqueFd OpenInRoot(int root, const std::string& path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
}

bool IsBelow(const std::string& path, const std::string& dir) {
  return dir == "/" || path == dir || path.rfind(dir + "/", 0) == 0;
}

class Lookup {
 public:
  Lookup(const Bundle& bundle, int root) : root_(root) {
    for (const json& mount : Part(bundle.spec, "mounts")) {
      mounts_.push_back(Member(mount, "destination", std::string()));
    }
  }

  Found File(const std::string& path) const {
    for (const std::string& mount : mounts_) {
      if (!mount.empty() && IsBelow(path, mount)) return Found::kUnknown;
    }
    const UniqueFd file = OpenInRoot(root_, path);
    if (!file) return errno == ENOENT || errno == ENOTDIR ? Missing(path) : Found::kUnknown;
    struct stat info = {};
    if (fstat(file.get(), &info) != 0) return Found::kUnknown;
    const bool runs = S_ISREG(info.st_mode) && (info.st_mode & 0111) != 0;
    return runs ? Found::kYes : Found::kNotExecutable;
  }

 private:
  // A link on the way may lead into a mount, which the host does not see.
  Found Missing(const std::string& path) const {
    std::string part;
    for (const std::string& name : Split(std::string_view(path).substr(1), '/')) {
      part += "/" + name;
      struct stat info = {};
      if (fstatat(root_, part.c_str() + 1, &info, AT_SYMLINK_NOFOLLOW) != 0) return Found::kNo;
      if (S_ISLNK(info.st_mode)) return mounts_.empty() ? Found::kNo : Found::kUnknown;
    }
    return Found::kUnknown;
  }

  const int root_;
  std::vector<std::string> mounts_;
};

std::string PathOf(const Bundle& bundle) {
  const auto env = Member(Part(bundle.spec, "process"), "env", std::vector<std::string>());
  for (const std::string& each : env) {
    if (each.rfind("PATH=", 0) == 0) return each.substr(5);
  }
  return kDefaultPath;
}

Found Search(const Lookup& lookup, const Bundle& bundle, const std::string& program) {
  Found best = Found::kNo;
  for (const std::string& dir : Split(PathOf(bundle), ':')) {
    if (dir.empty() || dir[0] != '/') return Found::kUnknown;
    const Found found = lookup.File(dir + "/" + program);
    if (found == Found::kYes || found == Found::kUnknown) return found;
    if (found == Found::kNotExecutable) best = found;
  }
  return best;
}

}  // namespace

Status CheckCommand(const Bundle& bundle) {
  const std::vector<std::string> args = bundle.args();
  std::string root = Member(Part(bundle.spec, "root"), "path", std::string());
  if (args.empty() || args[0].empty() || root.empty()) return OkStatus();  // said by create
  if (root[0] != '/') root = bundle.dir + "/" + root;
  const UniqueFd dir(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return OkStatus();  // said by create
  const Lookup lookup(bundle, dir.get());
  const std::string& program = args[0];
  // A path that is relative to the working directory is found out at start.
  if (program[0] != '/' && program.find('/') != std::string::npos) return OkStatus();
  const Found found = program[0] == '/' ? lookup.File(program) : Search(lookup, bundle, program);
  if (found == Found::kYes || found == Found::kUnknown) return OkStatus();
  const char* const reason = found == Found::kNo ? "command-not-found" : "command-not-executable";
  return InEngineWords(NotFound("").WithDetail("reason", reason), program);
}

}  // namespace shoji::cli

#include "config/paths.h"

#include <dlfcn.h>

#include <climits>
#include <cstdlib>

#include "config/config.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

constexpr int kMaxLevels = 4;

std::string ParentOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {};
  return slash == 0 ? "/" : path.substr(0, slash);
}

// `tail` below the prefix if it is there, below /usr otherwise.
std::string Installed(const std::string& tail) {
  const std::string path = InstallPrefix() + tail;
  return PathExists(path) ? path : "/usr" + tail;
}

// libshoji.so, when this code lies in it and not in the program. Only an absolute name counts:
// that of a program is what its caller liked to call it, and plugins are loaded by this.
std::string SharedLibrary() {
  Dl_info info = {};
  if (dladdr(reinterpret_cast<const void*>(&InstallPrefix), &info) == 0) return {};
  const std::string name = info.dli_fname == nullptr ? "" : info.dli_fname;
  char path[PATH_MAX];
  if (name.empty() || name[0] != '/' || name.find("/libshoji.so") == std::string::npos) return {};
  return realpath(name.c_str(), path) == nullptr ? std::string() : std::string(path);
}

}  // namespace

std::string InstallPrefix() {
  // lib or lib/<triplet>: what belongs to the library lies beside or above it.
  std::string dir = SharedLibrary();
  for (int up = 0; up < kMaxLevels && !dir.empty(); ++up) {
    dir = ParentOf(dir);
    if (!dir.empty() && PathExists(dir + "/lib/shoji/plugins")) return dir == "/" ? "" : dir;
    if (dir == "/") break;
  }
  const Result<std::string> program = ExecutablePath();
  if (!program.ok()) return "/usr";
  const std::string prefix = ParentOf(ParentOf(*program));
  if (prefix.empty()) return "/usr";
  return prefix == "/" ? "" : prefix;
}

std::string InstalledPluginDir() { return Installed("/lib/shoji/plugins"); }

std::vector<std::string> PluginDirs(const Config& config) {
  std::vector<std::string> dirs = config.GetList("plugins.path");
  if (dirs.empty()) dirs.push_back(InstalledPluginDir());
  return dirs;
}

std::string GuestKernelPath(const Config& config) {
  const std::string& path = config.Get("guest.kernel");
  return path.empty() ? Installed("/share/shoji/guest/vmlinux") : path;
}

std::string GuestInitrdPath(const Config& config) {
  const std::string& path = config.Get("guest.initrd");
  return path.empty() ? Installed("/share/shoji/guest/initrd.img") : path;
}

std::string LibexecDir() { return Installed("/libexec/shoji"); }

}  // namespace shoji

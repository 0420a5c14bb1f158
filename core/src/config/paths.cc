#include "config/paths.h"

#include "config/config.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

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

}  // namespace

std::string InstallPrefix() {
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

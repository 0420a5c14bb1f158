// Where the parts of an installation lie, for options that are left empty.
//
// Purpose  <prefix> is the directory above the running program's: the build tree looks
//          like an installation. With libshoji.so it is the one above the library's, wherever
//          the program is. What is in neither falls back to /usr.
// Threads  Safe.
// Example  GuestKernelPath(config)  // "/usr/share/shoji/guest/vmlinux"
#ifndef SHOJI_CORE_CONFIG_PATHS_H_
#define SHOJI_CORE_CONFIG_PATHS_H_

#include <string>
#include <vector>

namespace shoji {

class Config;

// The directory above the one the running program lies in; "/usr" when that is unknown.
std::string InstallPrefix();

// Where the program's own plugins lie: <prefix>/lib/shoji/plugins, or /usr/lib/shoji/plugins
// when the former does not exist.
std::string InstalledPluginDir();

// plugins.path, or the program's own directory.
std::vector<std::string> PluginDirs(const Config& config);

// guest.kernel and guest.initrd, or the installed files in the same way.
std::string GuestKernelPath(const Config& config);
std::string GuestInitrdPath(const Config& config);

// Helper programs installed with the host.
std::string LibexecDir();

}  // namespace shoji

#endif  // SHOJI_CORE_CONFIG_PATHS_H_

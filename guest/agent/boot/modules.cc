#include "boot/modules.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent {
namespace {

// As the kernel shows it.
std::string KernelName(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string ModuleOf(const std::string& path) {
  const std::string file = path.substr(path.rfind('/') + 1);
  return KernelName(file.substr(0, file.find('.')));
}

}  // namespace

Status LoadModule(const std::string& path, const std::string& parameters) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return ErrnoStatus(errno, "cannot open kernel module " + path);
  if (syscall(SYS_finit_module, file.get(), parameters.c_str(), 0) < 0 && errno != EEXIST) {
    if (errno == ENOENT) {
      return FailedPrecondition("kernel module " + path +
                                " needs one that is not loaded; list that one before it");
    }
    return ErrnoStatus(errno, "cannot load kernel module " + path);
  }
  return OkStatus();
}

Result<ModuleList> ModuleList::Parse(std::string_view text) {
  ModuleList list;
  for (const std::string& raw : Split(text, '\n')) {
    const std::string_view line = Trim(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t gap = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view path = Trim(line.substr(gap));
    if (!path.starts_with('/')) {
      return InvalidArgument("list of kernel modules: \"" + std::string(line) +
                             "\" is not FEATURE PATH");
    }
    list.features_[std::string(line.substr(0, gap))].emplace_back(path);
  }
  return list;
}

Status ModuleList::Load(const std::string& feature) {
  const auto it = features_.find(feature);
  if (it == features_.end()) return OkStatus();
  std::vector<std::string>& paths = it->second;
  while (!paths.empty()) {
    SHOJI_RETURN_IF_ERROR(LoadModule(paths.front(), ""));
    paths.erase(paths.begin());
  }
  return OkStatus();
}

std::vector<std::string> ModuleList::PathsFor(const std::string& name) const {
  for (const auto& [feature, paths] : features_) {
    const auto it = std::find_if(paths.begin(), paths.end(), [&](const std::string& path) {
      return ModuleOf(path) == KernelName(name);
    });
    if (it != paths.end()) return {paths.begin(), it + 1};
  }
  return {};
}

Status ModuleList::LoadByName(const std::string& name, const std::string& parameters) {
  if (name.find('/') != name.npos) {
    return InvalidArgument("\"" + name + "\" is no name of a kernel module");
  }
  if (PathExists("/sys/module/" + KernelName(name))) return OkStatus();
  const std::vector<std::string> paths = PathsFor(name);
  if (paths.empty()) {
    return NotFound("kernel module " + name + " is not in the guest's image; add it there");
  }
  for (const std::string& path : paths) {
    SHOJI_RETURN_IF_ERROR(LoadModule(path, path == paths.back() ? parameters : ""));
  }
  return OkStatus();
}

const std::vector<std::string>& ModuleList::PathsOf(const std::string& feature) const {
  static const std::vector<std::string> kNone;
  const auto it = features_.find(feature);
  return it == features_.end() ? kNone : it->second;
}

}  // namespace shoji::agent

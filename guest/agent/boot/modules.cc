#include "boot/modules.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shoji/base/errno.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent {
namespace {

Status LoadAll(std::vector<std::string>* paths) {
  while (!paths->empty()) {
    SHOJI_RETURN_IF_ERROR(LoadModule(paths->front(), ""));
    paths->erase(paths->begin());
  }
  return OkStatus();
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
    const std::string_view when = line.substr(0, gap);
    const std::string_view path = Trim(line.substr(gap));
    if ((when != "boot" && when != "lazy") || path.empty()) {
      return InvalidArgument("list of kernel modules: \"" + std::string(line) +
                             "\" is neither boot PATH nor lazy PATH");
    }
    (when == "boot" ? list.first_ : list.rest_).emplace_back(path);
  }
  return list;
}

Status ModuleList::LoadFirst() { return LoadAll(&first_); }

Status ModuleList::LoadRest() {
  SHOJI_RETURN_IF_ERROR(LoadAll(&first_));
  return LoadAll(&rest_);
}

Result<bool> ModuleList::LoadOne() {
  std::vector<std::string>* group = first_.empty() ? &rest_ : &first_;
  if (group->empty()) return false;
  SHOJI_RETURN_IF_ERROR(LoadModule(group->front(), ""));
  group->erase(group->begin());
  return true;
}

}  // namespace shoji::agent

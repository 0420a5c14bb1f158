#include "jail/sysctl.h"

#include <algorithm>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::jail {
namespace {

// As sysctl(8): the first separator decides, so "net/ipv4/conf/eth0.1/forwarding" keeps
// its dot.
Result<std::string> PathOf(const std::string& name) {
  std::string path = name;
  const std::size_t first = name.find_first_of("./");
  if (first != std::string::npos && name[first] == '.')
    std::replace(path.begin(), path.end(), '.', '/');
  const std::vector<std::string> parts = Split(path, '/');
  const bool bad = parts.size() < 2 || std::any_of(parts.begin(), parts.end(), [](const auto& p) {
                     return p.empty() || p == "." || p == "..";
                   });
  if (bad) return InvalidArgument("linux.sysctl: \"" + name + "\" is not a kernel parameter");
  return path;
}

}  // namespace

Result<SysctlList> MakeSysctl(const grpc::Spec& spec) {
  SysctlList list;
  for (const auto& [name, value] : spec.linux().sysctl()) {
    SHOJI_ASSIGN_OR_RETURN(std::string path, PathOf(name));
    list.emplace_back(std::move(path), value);
  }
  std::sort(list.begin(), list.end());
  return list;
}

Status ApplySysctl(const SysctlList& list) {
  for (const auto& [path, value] : list) {
    Status status = WriteFile("/proc/sys/" + path, value);
    if (!status.ok())
      return std::move(status).WithContext("linux.sysctl: \"" + path + "\" = \"" + value + "\"");
  }
  return OkStatus();
}

}  // namespace shoji::jail

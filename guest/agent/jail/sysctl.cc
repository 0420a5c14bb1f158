#include "jail/sysctl.h"

#include <algorithm>
#include <iterator>
#include <string_view>

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

// What belongs to a namespace; the rest would change the whole guest for its other containers.
constexpr std::string_view kNamespaced[] = {"net/",
                                            "fs/mqueue/",
                                            "kernel/msgmax",
                                            "kernel/msgmnb",
                                            "kernel/msgmni",
                                            "kernel/sem",
                                            "kernel/shmall",
                                            "kernel/shmmax",
                                            "kernel/shmmni",
                                            "kernel/shm_rmid_forced",
                                            "kernel/domainname"};

bool IsNamespaced(const std::string& path) {
  return std::any_of(std::begin(kNamespaced), std::end(kNamespaced), [&](std::string_view known) {
    return known.back() == '/' ? path.compare(0, known.size(), known) == 0 : path == known;
  });
}

}  // namespace

Result<SysctlList> MakeSysctl(const grpc::Spec& spec) {
  SysctlList list;
  for (const auto& [name, value] : spec.linux().sysctl()) {
    SHOJI_ASSIGN_OR_RETURN(std::string path, PathOf(name));
    if (path == "kernel/hostname")
      return InvalidArgument("linux.sysctl: \"" + name + "\" is set with the field hostname");
    if (!IsNamespaced(path)) {
      return InvalidArgument("linux.sysctl: \"" + name +
                             "\" is not of a namespace: it would change the whole guest");
    }
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

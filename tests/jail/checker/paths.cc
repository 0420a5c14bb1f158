// Masked and read-only paths, kernel parameters, devices and the links beside them.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "report.h"

namespace checker {
namespace {

std::size_t Entries(const std::string& dir) {
  DIR* const open_dir = opendir(dir.c_str());
  if (open_dir == nullptr) return 0;
  std::size_t count = 0;
  while (const dirent* entry = readdir(open_dir)) {
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) ++count;
  }
  closedir(open_dir);
  return count;
}

bool IsReadOnly(const std::string& path) {
  struct statvfs st {};
  return statvfs(path.c_str(), &st) == 0 && (st.f_flag & ST_RDONLY) != 0;
}

void CheckMasked(const std::string& path, Report* report) {
  const std::string name = "linux.maskedPaths." + path;
  struct stat st {};
  if (stat(path.c_str(), &st) < 0) return Report::Skip(name, "there is no such path");
  if (S_ISDIR(st.st_mode)) {
    report->Check(
        name, Entries(path) == 0 && IsReadOnly(path),
        std::to_string(Entries(path)) + " entries" + (IsReadOnly(path) ? "" : ", writable"),
        "an empty read-only directory");
    return;
  }
  const bool null = S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
  report->Check(name, null, null ? "/dev/null" : "a readable file", "/dev/null");
}

void CheckReadOnly(const std::string& path, Report* report) {
  const std::string name = "linux.readonlyPaths." + path;
  struct stat st {};
  if (stat(path.c_str(), &st) < 0) return Report::Skip(name, "there is no such path");
  const std::string file = S_ISDIR(st.st_mode) ? path + "/.checker" : path;
  const int fd =
      open(file.c_str(), O_WRONLY | O_CLOEXEC | (S_ISDIR(st.st_mode) ? O_CREAT : 0), 0600);
  const int error = fd < 0 ? errno : 0;
  if (fd >= 0) close(fd);
  if (fd >= 0 && S_ISDIR(st.st_mode)) unlink(file.c_str());
  report->Check(name, fd < 0 && IsReadOnly(path),
                fd < 0 ? std::strerror(error) : "a file that can be written", std::strerror(EROFS));
}

void CheckSysctl(const Input& in, Report* report) {
  const Json sysctl = in.At("/linux/sysctl");
  if (sysctl.is_null()) return;
  for (const auto& [name, value] : sysctl.items()) {
    std::string path = name;
    std::replace(path.begin(), path.end(), '.', '/');
    report->Check("linux.sysctl." + name, FirstLine("/proc/sys/" + path), value.get<std::string>());
  }
}

// ---- devices ----

Json DefaultDevices() {
  Json devices = Json::array();
  const auto add = [&](const char* path, int major_number, int minor_number) {
    devices.push_back(
        {{"path", path}, {"type", "c"}, {"major", major_number}, {"minor", minor_number}});
  };
  add("/dev/null", 1, 3);
  add("/dev/zero", 1, 5);
  add("/dev/full", 1, 7);
  add("/dev/random", 1, 8);
  add("/dev/urandom", 1, 9);
  add("/dev/tty", 5, 0);
  return devices;
}

bool HasUserNamespace(const Input& in) {
  const Json namespaces = in.At("/linux/namespaces");
  return std::any_of(namespaces.begin(), namespaces.end(),
                     [](const Json& ns) { return ns.at("type") == "user"; });
}

// In a user namespace nodes are the guest's own, whose owner has no name there.
bool OwnedBy(const Input& in, std::int64_t saw, std::int64_t wanted) {
  constexpr std::int64_t kNobody = 65534;
  return saw == wanted || (HasUserNamespace(in) && saw == kNobody);
}

void CheckDevice(const Input& in, const Json& device, Report* report) {
  const std::string path = device.at("path");
  const std::string type = device.at("type");
  const std::string name = "linux.devices." + path;
  struct stat st {};
  const bool there = stat(path.c_str(), &st) == 0;
  const mode_t kind = type == "b" ? S_IFBLK : type == "p" ? S_IFIFO : S_IFCHR;
  report->Check(name + ".type", there && (st.st_mode & S_IFMT) == kind,
                there ? Octal(st.st_mode & S_IFMT) : "nothing", type);
  if (!there) return;
  if (type != "p") {
    report->Check(name + ".number",
                  std::to_string(major(st.st_rdev)) + ":" + std::to_string(minor(st.st_rdev)),
                  std::to_string(device.at("major").get<int>()) + ":" +
                      std::to_string(device.at("minor").get<int>()));
  }
  report->Check(name + ".fileMode", Octal(st.st_mode & 07777U),
                Octal(device.value("fileMode", 0666U) & 07777U));
  report->Check(name + ".uid", OwnedBy(in, st.st_uid, device.value("uid", 0)),
                std::to_string(st.st_uid), std::to_string(device.value("uid", 0)));
  report->Check(name + ".gid", OwnedBy(in, st.st_gid, device.value("gid", 0)),
                std::to_string(st.st_gid), std::to_string(device.value("gid", 0)));
}

void CheckLinks(Report* report) {
  constexpr struct {
    const char* path;
    const char* target;
  } kLinks[] = {{"/dev/fd", "/proc/self/fd"},
                {"/dev/stdin", "/proc/self/fd/0"},
                {"/dev/stdout", "/proc/self/fd/1"},
                {"/dev/stderr", "/proc/self/fd/2"},
                {"/dev/ptmx", "pts/ptmx"}};
  for (const auto& link : kLinks) {
    char target[256] = {};
    const ssize_t size = readlink(link.path, target, sizeof target - 1);
    report->Check(std::string("dev.link.") + link.path, size < 0 ? "" : target, link.target);
  }
}

// ---- device rules ----

// Those every container has.
bool IsDefault(const Json& device) {
  const int major_number = device.at("major").get<int>();
  const int minor_number = device.at("minor").get<int>();
  if (device.at("type") != "c") return false;
  return major_number == 136 || (major_number == 5 && (minor_number == 0 || minor_number == 2)) ||
         (major_number == 1 && (minor_number == 3 || minor_number == 5 || minor_number == 7 ||
                                minor_number == 8 || minor_number == 9));
}

// For one access: the last rule about the device decides; without one it is denied.
bool Allowed(const Json& rules, const Json& device, char access) {
  bool allowed = IsDefault(device);
  if (allowed) return true;
  for (const Json& rule : rules) {
    const std::string type = rule.value("type", "a");
    const auto about = [&](const char* key) {
      const int wanted = rule.value(key, -1);
      return wanted == -1 || wanted == device.at(key).get<int>();
    };
    if (type != "a" && (type != device.at("type") || !about("major") || !about("minor"))) continue;
    if (rule.value("access", "rwm").find(access) != std::string::npos)
      allowed = rule.at("allow").get<bool>();
  }
  return allowed;
}

void CheckRules(const Input& in, Report* report) {
  const Json rules = in.At("/linux/resources/devices");
  for (const Json& device : in.At("/linux/devices")) {
    if (device.at("type") == "p") continue;
    const std::string path = device.at("path");
    const bool allowed = rules.is_null() || rules.empty() || Allowed(rules, device, 'r');
    const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const int error = fd < 0 ? errno : 0;
    if (fd >= 0) close(fd);
    if (error == EACCES) {
      Report::Skip("linux.resources.devices." + path, "its mode keeps this user out");
      continue;
    }
    report->Check("linux.resources.devices." + path, (error != EPERM) == allowed,
                  error == 0 ? "it opens" : std::strerror(error), allowed ? "allowed" : "denied");
  }
  if (rules.is_null()) return;
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/urandom"}) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    report->Check(std::string("linux.resources.devices.default.") + path, fd >= 0, "it is denied",
                  "always allowed");
    if (fd >= 0) close(fd);
  }
}

}  // namespace

void CheckPaths(const Input& in, Report* report) {
  for (const Json& path : in.At("/linux/maskedPaths")) CheckMasked(path, report);
  for (const Json& path : in.At("/linux/readonlyPaths")) CheckReadOnly(path, report);
  CheckSysctl(in, report);
}

void CheckDevices(const Input& in, Report* report) {
  Json devices = DefaultDevices();
  for (const Json& device : in.At("/linux/devices")) {
    devices.erase(std::remove_if(devices.begin(), devices.end(),
                                 [&](const Json& d) { return d.at("path") == device.at("path"); }),
                  devices.end());
    devices.push_back(device);
  }
  for (const Json& device : devices) CheckDevice(in, device, report);
  CheckLinks(report);
  CheckRules(in, report);
}

}  // namespace checker

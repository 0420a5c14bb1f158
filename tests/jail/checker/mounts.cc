// The mount table of the container against the specification's mounts.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <optional>

#include "report.h"

namespace checker {
namespace {

struct Mount {
  std::string point;
  std::vector<std::string> options;        // of the mount
  std::vector<std::string> super_options;  // of the file system
  std::string type;
  std::string propagation;  // "shared", "slave", "shared,slave", "unbindable", "private"
};

bool Has(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

Mount Parse(const std::string& line) {
  const std::vector<std::string> fields = Split(line, ' ');
  Mount mount;
  mount.point = fields.at(4);
  mount.options = Split(fields.at(5), ',');
  std::size_t i = 6;
  for (; fields.at(i) != "-"; ++i) {
    const std::string tag = fields[i].substr(0, fields[i].find(':'));
    if (tag == "propagate_from") continue;
    mount.propagation +=
        (mount.propagation.empty() ? "" : ",") + (tag == "master" ? std::string("slave") : tag);
  }
  if (mount.propagation.empty()) mount.propagation = "private";
  mount.type = fields.at(i + 1);
  mount.super_options = Split(fields.at(i + 3), ',');
  return mount;
}

std::vector<Mount> Table() {
  std::vector<Mount> mounts;
  for (const std::string& line : Split(ReadText("/proc/self/mountinfo"), '\n'))
    mounts.push_back(Parse(line));
  return mounts;
}

std::string Real(const std::string& path) {
  char real[PATH_MAX];
  return realpath(path.c_str(), real) == nullptr ? path : real;
}

// What lies on top at that place.
std::optional<Mount> On(const std::vector<Mount>& table, const std::string& point) {
  for (auto it = table.rbegin(); it != table.rend(); ++it) {
    if (it->point == point) return *it;
  }
  return std::nullopt;
}

bool Below(const std::string& path, const std::string& dir) {
  return dir == "/" || path == dir ||
         (path.compare(0, dir.size(), dir) == 0 && path[dir.size()] == '/');
}

// ---- options ----

struct Pair {
  const char* on;
  const char* off;
};
constexpr Pair kFlags[] = {
    {"ro", "rw"},       {"nosuid", "suid"},         {"nodev", "dev"},
    {"noexec", "exec"}, {"nodiratime", "diratime"}, {"nosymfollow", "symfollow"}};
constexpr Pair kSuperFlags[] = {{"sync", "async"}, {"dirsync", ""}, {"lazytime", "nolazytime"}};

// What the options say of a flag; none when they say nothing.
std::optional<bool> Wanted(const std::vector<std::string>& options, const Pair& flag,
                           const std::string& prefix) {
  std::optional<bool> wanted;
  for (const std::string& option : options) {
    if (option == prefix + flag.on) wanted = true;
    if (option == prefix + flag.off) wanted = false;
  }
  return wanted;
}

std::string AtimeOf(const std::vector<std::string>& options) {
  return Has(options, "noatime")    ? "noatime"
         : Has(options, "relatime") ? "relatime"
                                    : "strictatime";
}

std::string WantedAtime(const std::vector<std::string>& options, const std::string& prefix) {
  std::string wanted;
  for (const std::string& option : options) {
    for (const char* mode : {"noatime", "relatime", "strictatime"}) {
      if (option == prefix + mode) wanted = mode;
    }
  }
  return wanted;
}

void CheckFlags(const std::string& name, const Mount& mount,
                const std::vector<std::string>& options, bool bind, Report* report) {
  for (const Pair& flag : kFlags) {
    std::optional<bool> wanted = Wanted(options, flag, "");
    if (const auto recursive = Wanted(options, flag, "r"); recursive) wanted = recursive;
    // A bind keeps the restrictions of its source.
    if (bind && !wanted.value_or(false)) continue;
    report->Check(name + "." + flag.on, Has(mount.options, flag.on) ? "on" : "off",
                  wanted.value_or(false) ? "on" : "off");
  }
  for (const Pair& flag : kSuperFlags) {
    if (bind || !Wanted(options, flag, "")) continue;
    report->Check(name + "." + flag.on,
                  Has(mount.super_options, flag.on) || Has(mount.options, flag.on) ? "on" : "off",
                  *Wanted(options, flag, "") ? "on" : "off");
  }
  if (const std::string atime = WantedAtime(options, ""); !atime.empty())
    report->Check(name + ".atime", AtimeOf(mount.options), atime);
}

void CheckRecursive(const std::string& name, const std::vector<Mount>& table,
                    const std::string& point, const std::vector<std::string>& options,
                    Report* report) {
  for (const Mount& mount : table) {
    if (!Below(mount.point, point)) continue;
    for (const Pair& flag : kFlags) {
      const std::optional<bool> wanted = Wanted(options, flag, "r");
      if (!wanted) continue;
      report->Check(name + ".r" + (*wanted ? flag.on : flag.off) + "." + mount.point,
                    Has(mount.options, flag.on) ? "on" : "off", *wanted ? "on" : "off");
    }
    if (const std::string atime = WantedAtime(options, "r"); !atime.empty())
      report->Check(name + ".ratime." + mount.point, AtimeOf(mount.options), atime);
  }
}

std::uint64_t Bytes(const std::string& text) {
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(text.c_str(), &end, 10);
  const std::string units = "kmgt";
  const std::size_t power = *end == '\0' ? std::string::npos : units.find(*end | 0x20);
  return power == std::string::npos ? number : number << (10 * (power + 1));
}

std::string SuperOption(const Mount& mount, const std::string& key) {
  for (const std::string& option : mount.super_options) {
    if (option.compare(0, key.size() + 1, key + "=") == 0) return option.substr(key.size() + 1);
  }
  return "";
}

// The mount table shows ids as the guest's first user namespace has them.
std::string Outside(const Input& in, const std::string& key, const std::string& id) {
  const Json maps = in.At(key == "uid" ? "/linux/uidMappings" : "/linux/gidMappings");
  const auto number = static_cast<unsigned>(std::strtoul(id.c_str(), nullptr, 10));
  for (const Json& map : maps) {
    const auto first = map.at("containerID").get<unsigned>();
    if (number >= first && number - first < map.at("size").get<unsigned>())
      return std::to_string(map.at("hostID").get<unsigned>() + number - first);
  }
  return id;
}

void CheckData(const std::string& name, const Input& in, const Mount& mount,
               const std::string& option, Report* report) {
  const std::size_t equals = option.find('=');
  if (equals == std::string::npos) return;
  const std::string key = option.substr(0, equals);
  const std::string value = option.substr(equals + 1);
  const std::string saw = SuperOption(mount, key);
  if (key == "size" || key == "nr_inodes") {
    report->Check(name + "." + key, static_cast<std::int64_t>(Bytes(saw)),
                  static_cast<std::int64_t>(Bytes(value)));
  } else if (key == "mode" && mount.type == "tmpfs") {
    struct stat st {};
    stat(mount.point.c_str(), &st);
    report->Check(name + ".mode", Octal(st.st_mode & 07777U),
                  Octal(static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 8))));
  } else if (key == "mode" || key == "ptmxmode") {
    report->Check(name + "." + key, std::strtol(saw.c_str(), nullptr, 8),
                  std::strtol(value.c_str(), nullptr, 8));
  } else {
    report->Check(name + "." + key, saw,
                  key == "uid" || key == "gid" ? Outside(in, key, value) : value);
  }
}

// ---- propagation ----

void CheckPropagation(const std::string& name, const std::string& saw, std::string wanted,
                      Report* report) {
  if (wanted.size() > 1 && wanted[0] == 'r') wanted = wanted.substr(1);
  bool good = saw == wanted;
  const bool shared = saw.find("shared") != std::string::npos;
  if (wanted == "shared") good = shared;
  // A mount nobody shares with cannot follow anybody: it is then private.
  if (wanted == "slave" || wanted.empty()) good = !shared && saw != "unbindable";
  report->Check(name, good, saw, wanted.empty() ? "not shared" : wanted);
}

std::string PropagationIn(const std::vector<std::string>& options) {
  std::string found;
  for (const std::string& option : options) {
    for (const char* word : {"private", "shared", "slave", "unbindable"}) {
      if (option == word || option == std::string("r") + word) found = option;
    }
  }
  return found;
}

// ---- one mount of the specification ----

void CheckSource(const std::string& name, const Input& in, const std::string& destination,
                 Report* report) {
  if (!in.outside.contains("sources") || !in.outside["sources"].contains(destination))
    return Report::Skip(name + ".source", "nobody told which file it is");
  struct stat st {};
  stat(destination.c_str(), &st);
  report->Check(name + ".source", std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino),
                in.outside["sources"][destination].get<std::string>());
}

void CheckOne(const Input& in, const std::vector<Mount>& table, const Json& spec, Report* report) {
  const std::string destination = spec.at("destination");
  const std::string name = "mounts." + destination;
  const std::string point = Real(destination);
  const auto options = spec.value("options", std::vector<std::string>());
  const std::optional<Mount> mount = On(table, point);
  report->Check(name, mount.has_value(), "nothing", "a mount");
  if (!mount) return;
  const std::string type = spec.value("type", "");
  const bool bind = type == "bind" || Has(options, "bind") || Has(options, "rbind");
  const bool remount = Has(options, "remount");
  if (!bind) report->Check(name + ".type", mount->type, type == "cgroup" ? "cgroup2" : type);
  if (bind && !remount) CheckSource(name, in, destination, report);
  CheckFlags(name, *mount, options, bind, report);
  CheckRecursive(name, table, point, options, report);
  for (const std::string& option : options) CheckData(name, in, *mount, option, report);
  // The root's comes last, and with "r" it is for all.
  const Json root = in.At("/linux/rootfsPropagation");
  const bool for_all = root.is_string() && root.get<std::string>().rfind('r', 0) == 0;
  CheckPropagation(name + ".propagation", mount->propagation,
                   for_all ? root.get<std::string>() : PropagationIn(options), report);
}

// Nothing may be mounted that nobody asked for.
void CheckNothingElse(const Input& in, const std::vector<Mount>& table, Report* report) {
  std::vector<std::string> known;
  for (const Json& mount : in.At("/mounts")) known.push_back(Real(mount.at("destination")));
  for (const char* list : {"/linux/maskedPaths", "/linux/readonlyPaths"}) {
    for (const Json& path : in.At(list)) known.push_back(Real(path));
  }
  for (const Json& device : in.At("/linux/devices")) known.push_back(device.at("path"));
  std::string strange;
  for (const Mount& mount : table) {
    const bool explained = mount.point == "/" || Below(mount.point, "/dev") ||
                           std::any_of(known.begin(), known.end(), [&](const std::string& path) {
                             return Below(mount.point, path);
                           });
    if (!explained) strange += mount.point + " ";
  }
  report->Check("mounts.nothing_else", strange, "");
}

// The last of several on one place is the one to be seen.
bool Overridden(const Json& mounts, std::size_t index) {
  for (std::size_t i = index + 1; i < mounts.size(); ++i) {
    if (mounts[i].at("destination") == mounts[index].at("destination")) return true;
  }
  return false;
}

}  // namespace

void CheckMounts(const Input& in, Report* report) {
  const std::vector<Mount> table = Table();
  const Json mounts = in.At("/mounts");
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    if (!Overridden(mounts, i)) CheckOne(in, table, mounts[i], report);
  }
  CheckNothingElse(in, table, report);
  const std::optional<Mount> root = On(table, "/");
  if (!root) return report->Check("root", false, "no root in the mount table", "one");
  const Json read_only = in.At("/root/readonly");
  report->Check("root.readonly", Has(root->options, "ro") ? "on" : "off",
                read_only.is_boolean() && read_only.get<bool>() ? "on" : "off");
  const Json propagation = in.At("/linux/rootfsPropagation");
  CheckPropagation("linux.rootfsPropagation", root->propagation,
                   propagation.is_string() ? propagation.get<std::string>() : "", report);
}

}  // namespace checker

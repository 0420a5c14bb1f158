#include "oci/user.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxFile = 16U << 20U;

struct PasswdLine {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string home;
};

struct GroupLine {
  std::string name;
  std::uint32_t gid = 0;
  std::vector<std::string> members;
};

// The whole of `path` inside `rootfs`; empty when there is no such file.
Result<std::string> ReadInside(const std::string& rootfs, const std::string& path) {
  const UniqueFd root(open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoStatus(errno, "cannot open rootfs " + rootfs);
  struct open_how how = {};
  // A FIFO must not block us; what is no regular file is refused below.
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd file(
      static_cast<int>(syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof(how))));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::string();
    return ErrnoStatus(errno, "cannot open " + path + " of the rootfs");
  }
  struct stat info = {};
  if (fstat(file.get(), &info) < 0 || !S_ISREG(info.st_mode)) {
    return InvalidArgument(path + " of the rootfs is not a regular file");
  }
  return ReadAll(file.get(), kMaxFile);
}

std::optional<std::uint32_t> Number(std::string_view text) {
  const auto value = ParseInt(text);
  if (!value.ok() || *value < 0 || *value > std::numeric_limits<std::int32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*value);
}

std::vector<PasswdLine> ParsePasswd(const std::string& text) {
  std::vector<PasswdLine> out;
  for (const std::string& line : Split(text, '\n')) {
    const auto fields = Split(line, ':');
    if (fields.size() < 6) continue;
    const auto uid = Number(fields[2]);
    const auto gid = Number(fields[3]);
    if (uid && gid) out.push_back({fields[0], *uid, *gid, fields[5]});
  }
  return out;
}

std::vector<GroupLine> ParseGroup(const std::string& text) {
  std::vector<GroupLine> out;
  for (const std::string& line : Split(text, '\n')) {
    const auto fields = Split(line, ':');
    if (fields.size() < 3) continue;
    const auto gid = Number(fields[2]);
    if (!gid) continue;
    out.push_back(
        {fields[0], *gid, fields.size() > 3 ? Split(fields[3], ',') : std::vector<std::string>()});
  }
  return out;
}

Result<std::uint32_t> FindGroup(const std::vector<GroupLine>& groups, const std::string& name) {
  for (const GroupLine& group : groups) {
    if (group.name == name) return group.gid;
  }
  if (const auto gid = Number(name)) return *gid;
  return NotFound("no such group \"" + name + "\" in /etc/group of the rootfs");
}

const PasswdLine* FindUser(const std::vector<PasswdLine>& users, const std::string& who) {
  const auto number = Number(who);
  for (const PasswdLine& user : users) {
    if (user.name == who) return &user;
  }
  for (const PasswdLine& user : users) {
    if (number && user.uid == *number) return &user;
  }
  return nullptr;
}

void AddGroup(User& user, std::uint32_t gid) {
  if (std::find(user.groups.begin(), user.groups.end(), gid) == user.groups.end()) {
    user.groups.push_back(gid);
  }
}

void AddMemberships(User& user, const std::string& name, const std::vector<GroupLine>& groups) {
  for (const GroupLine& group : groups) {
    const auto& members = group.members;
    if (std::find(members.begin(), members.end(), name) != members.end()) {
      AddGroup(user, group.gid);
    }
  }
}

Result<User> FromPasswd(const std::string& who, const std::vector<PasswdLine>& users,
                        const std::vector<GroupLine>& groups, bool with_memberships) {
  User user;
  if (const PasswdLine* line = FindUser(users, who); line != nullptr) {
    user.uid = line->uid;
    user.gid = line->gid;
    if (!line->home.empty()) user.home = line->home;
    if (with_memberships) AddMemberships(user, line->name, groups);
    return user;
  }
  const auto uid = Number(who);
  if (!uid) return NotFound("no such user \"" + who + "\" in /etc/passwd of the rootfs");
  user.uid = *uid;
  return user;
}

}  // namespace

Result<User> LookUpUser(const std::string& rootfs, const std::string& who,
                        const std::vector<std::string>& more) {
  std::string passwd;
  std::string group;
  if (!rootfs.empty()) {
    SHOJI_ASSIGN_OR_RETURN(passwd, ReadInside(rootfs, "/etc/passwd"));
    SHOJI_ASSIGN_OR_RETURN(group, ReadInside(rootfs, "/etc/group"));
  }
  const auto users = ParsePasswd(passwd);
  const auto groups = ParseGroup(group);

  const std::size_t colon = who.find(':');
  const std::string name = who.substr(0, colon);
  const std::string group_name = colon == std::string::npos ? "" : who.substr(colon + 1);
  SHOJI_ASSIGN_OR_RETURN(User user,
                         FromPasswd(name.empty() ? "0" : name, users, groups, group_name.empty()));
  if (!group_name.empty()) {
    SHOJI_ASSIGN_OR_RETURN(user.gid, FindGroup(groups, group_name));
  }
  for (const std::string& extra : more) {
    SHOJI_ASSIGN_OR_RETURN(const std::uint32_t gid, FindGroup(groups, extra));
    AddGroup(user, gid);
  }
  return user;
}

}  // namespace shoji

#include "service/user_lookup.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <vector>

#include "jail/resolve.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

constexpr std::size_t kMaxFile = 4U << 20U;

std::optional<std::uint32_t> Number(const std::string& text) {
  const auto value = ParseInt(text);
  if (!value.ok() || *value < 0 || *value > std::numeric_limits<std::uint32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*value);
}

// The lines of a file like /etc/passwd as fields; none when the image has no such file.
using Table = std::vector<std::vector<std::string>>;

Table ReadTable(int root, const std::string& path, std::size_t fields) {
  Table table;
  const auto file = jail::OpenInRoot(root, path, O_RDONLY | O_NONBLOCK);
  if (!file.ok()) return table;
  const auto text = ReadAll(file->get(), kMaxFile);
  for (const std::string& line : text.ok() ? Split(*text, '\n') : std::vector<std::string>()) {
    std::vector<std::string> parts = Split(line, ':');
    if (parts.size() >= fields && line.front() != '#') table.push_back(std::move(parts));
  }
  return table;
}

// By name, else by number in field 2, as both files have it.
const std::vector<std::string>* FindLine(const Table& table, const std::string& wanted) {
  for (const auto& line : table) {
    if (line[0] == wanted) return &line;
  }
  for (const auto& line : table) {
    if (line[2] == wanted) return &line;
  }
  return nullptr;
}

Result<std::uint32_t> IdOf(const Table& table, const std::string& wanted, const char* what) {
  const std::vector<std::string>* line = FindLine(table, wanted);
  const auto id = line != nullptr ? Number((*line)[2]) : Number(wanted);
  if (id) return *id;
  return NotFound(std::string(what) + " \"" + wanted + "\" is not known in the container's image");
}

bool HasMember(const std::vector<std::string>& group, const std::string& name) {
  const std::vector<std::string> members = Split(group.size() > 3 ? group[3] : "", ',');
  return std::find(members.begin(), members.end(), name) != members.end();
}

}  // namespace

Status LookUpUser(const std::string& root, const grpc::StringUser& wanted, grpc::User* user) {
  const UniqueFd fd(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot open the container's root " + root);
  const Table users = ReadTable(fd.get(), "/etc/passwd", 4);
  const Table groups = ReadTable(fd.get(), "/etc/group", 3);
  const std::string uid_text = wanted.uid().empty() ? "0" : wanted.uid();
  SHOJI_ASSIGN_OR_RETURN(const std::uint32_t uid, IdOf(users, uid_text, "user"));
  const std::vector<std::string>* line = FindLine(users, uid_text);
  std::uint32_t gid = 0;
  std::set<std::uint32_t> more;
  if (!wanted.gid().empty()) {
    SHOJI_ASSIGN_OR_RETURN(gid, IdOf(groups, wanted.gid(), "group"));
  } else if (line != nullptr) {
    gid = Number((*line)[3]).value_or(0);
    for (const auto& group : groups) {
      if (HasMember(group, (*line)[0])) more.insert(Number(group[2]).value_or(gid));
    }
  }
  for (const std::string& name : wanted.additionalgids()) {
    SHOJI_ASSIGN_OR_RETURN(const std::uint32_t id, IdOf(groups, name, "group"));
    more.insert(id);
  }
  user->set_uid(uid);
  user->set_gid(gid);
  user->mutable_additionalgids()->Assign(more.begin(), more.end());
  return OkStatus();
}

}  // namespace shoji::agent

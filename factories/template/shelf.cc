#include "shelf.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "file_id.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::templates {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNew = ".new";
constexpr std::size_t kKeyLength = 16;

std::string Meta(const std::string& dir) { return dir + "/template.json"; }
std::string Memory(const std::string& dir) { return dir + "/memory"; }
std::string State(const std::string& dir) { return dir + "/state"; }

bool IsKey(std::string_view name) {
  return name.size() == kKeyLength &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Status Unusable(const std::string& dir, const std::string& why) {
  return DataLoss("template \"" + dir + "\" cannot be used: " + why);
}

// The memory as the template's last word left it; whoever writes to it changes it for good.
Json MemoryMark(const FileId& file) { return Json::array({file.bytes, file.modified_ns}); }

Result<Json> ReadMeta(const std::string& dir) {
  const auto text = ReadFile(Meta(dir), 1U << 20U);
  if (!text.ok()) return Unusable(dir, text.status().message());
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("recipe") || !json.contains("memory")) {
    return Unusable(dir, "template.json cannot be read");
  }
  return json;
}

std::string RecipeText(const Json& meta) {
  return meta["recipe"].is_string() ? meta["recipe"].get<std::string>() : std::string();
}

Status CheckContent(const std::string& dir, const Recipe& recipe) {
  SHOJI_ASSIGN_OR_RETURN(const Json meta, ReadMeta(dir));
  if (RecipeText(meta) != recipe.text) return Unusable(dir, "it was made from something else");
  const auto memory = FileId::Of(Memory(dir));
  if (!memory.ok()) return Unusable(dir, memory.status().message());
  if (MemoryMark(*memory) == meta["memory"]) return OkStatus();
  return Unusable(dir,
                  "its memory was changed, it has " + std::to_string(memory->bytes) + " bytes");
}

std::uint64_t BytesOf(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_blocks) * 512 : 0;
}

std::int64_t LastUse(const std::string& dir) {
  const auto meta = FileId::Of(Meta(dir));
  return meta.ok() ? meta->modified_ns : 0;
}

// The directory, locked, or none when another process has it in another way.
UniqueFd LockedDir(const std::string& dir, int operation) {
  UniqueFd fd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd || flock(fd.get(), operation | LOCK_NB) < 0 || !IsStillAt(fd.get(), dir)) return {};
  return fd;
}

}  // namespace

Status Shelf::Open() const {
  SHOJI_RETURN_IF_ERROR(MakeDirs(dir_, 0700));
  struct stat info {};
  if (lstat(dir_.c_str(), &info) < 0) return ErrnoStatus(errno, "directory \"" + dir_ + "\"");
  const bool ours = S_ISDIR(info.st_mode) && info.st_uid == geteuid();
  if (ours && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return OkStatus();
  return PermissionDenied("directory \"" + dir_ +
                          "\" of templates is not ours alone; others could change the memory of "
                          "VMs there: set factory.template.dir");
}

Result<Stored> Shelf::Find(const Recipe& recipe) const {
  const std::string dir = PathOf(recipe.key);
  UniqueFd hold = LockedDir(dir, LOCK_SH);
  if (!hold) return NotFound("there is no template \"" + dir + "\"");
  SHOJI_RETURN_IF_ERROR(CheckContent(dir, recipe));
  utimensat(AT_FDCWD, Meta(dir).c_str(), nullptr, 0);  // used
  return Stored{Memory(dir), State(dir), std::move(hold)};
}

Result<Lock> Shelf::LockMaker(const Recipe& recipe, const shoji_call* call) const {
  return Lock::Wait(PathOf(recipe.key) + ".lock", call,
                    "another process that makes template \"" + PathOf(recipe.key) + "\"");
}

Result<std::string> Shelf::Begin(const Recipe& recipe) const {
  SHOJI_RETURN_IF_ERROR(Drop(recipe));
  std::string dir = BegunPath(recipe);
  SHOJI_RETURN_IF_ERROR(MakeDirs(State(dir), 0700));
  return dir;
}

Status Shelf::Finish(const Recipe& recipe) const {
  const std::string begun = BegunPath(recipe);
  SHOJI_ASSIGN_OR_RETURN(const FileId memory, FileId::Of(Memory(begun)));
  const Json meta = {{"recipe", recipe.text}, {"memory", MemoryMark(memory)}};
  SHOJI_RETURN_IF_ERROR(WriteFileAtomic(Meta(begun), meta.dump() + "\n"));
  SHOJI_RETURN_IF_ERROR(Discard(recipe));
  if (rename(begun.c_str(), PathOf(recipe.key).c_str()) == 0) return OkStatus();
  return ErrnoStatus(errno, "cannot rename \"" + begun + "\"");
}

Status Shelf::Drop(const Recipe& recipe) const { return RemoveTree(BegunPath(recipe)); }

Status Shelf::Discard(const Recipe& recipe) const { return RemoveTree(PathOf(recipe.key)); }

std::vector<std::string> Shelf::Keys() const {
  const auto names = ListDir(dir_);
  std::vector<std::string> keys;
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    if (IsKey(name)) keys.push_back(name);
  }
  return keys;
}

bool Shelf::RemoveUnused(const std::string& key) const {
  const std::string dir = PathOf(key);
  const UniqueFd alone = LockedDir(dir, LOCK_EX);
  return alone && IsUnused(Memory(dir)) && RemoveTree(dir).ok();
}

// Whoever makes one holds its lock.
void Shelf::RemoveLeftovers() const {
  const auto names = ListDir(dir_);
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    const bool begun = name.ends_with(kNew) && IsKey(name.substr(0, name.size() - kNew.size()));
    const std::string key = name.substr(0, name.find('.'));
    if (!begun && name != key + ".lock") continue;
    const auto lock = Lock::Try(PathOf(key) + ".lock");
    if (begun && lock.ok() && lock->has_value()) (void)RemoveTree(PathOf(name));
  }
}

Result<std::size_t> Shelf::Collect(std::size_t keep) const {
  RemoveLeftovers();
  std::vector<std::pair<std::int64_t, std::string>> kept;
  for (const std::string& key : Keys()) {
    const auto meta = ReadMeta(PathOf(key));
    const bool stale = !meta.ok() || IsStale(RecipeText(*meta));
    if (!stale || !RemoveUnused(key)) kept.emplace_back(LastUse(PathOf(key)), key);
  }
  std::sort(kept.begin(), kept.end());
  std::size_t left = kept.size();
  for (const auto& [used, key] : kept) {
    if (left > keep && RemoveUnused(key)) --left;
  }
  return left;
}

void Shelf::RemoveIfEmpty() const { rmdir(dir_.c_str()); }

std::vector<Entry> Shelf::List() const {
  std::vector<Entry> out;
  for (const std::string& key : Keys()) {
    const std::string dir = PathOf(key);
    const auto meta = ReadMeta(dir);
    out.push_back({key, dir, BytesOf(Memory(dir)) + BytesOf(State(dir) + "/state"),
                   IsUnused(Memory(dir)) ? 0 : CountUsers(Memory(dir)),
                   !meta.ok() || IsStale(RecipeText(*meta))});
  }
  return out;
}

}  // namespace shoji::templates

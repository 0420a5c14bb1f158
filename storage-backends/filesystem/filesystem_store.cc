#include "filesystem_store.h"

#include <fcntl.h>

#include <algorithm>
#include <map>

#include "layout.h"
#include "record.h"

namespace shoji::filesystem {
namespace {

constexpr std::size_t kMaxJournal = 64U << 20U;
constexpr std::size_t kMaxSteps = 65536;
constexpr std::size_t kSmall = 16384;        // records up to that are loaded by one read
constexpr std::size_t kSyncedTogether = 64;  // and open together

std::int32_t AppendTo(void* ctx, const void* data, std::uint64_t size) noexcept {
  static_cast<std::string*>(ctx)->append(static_cast<const char*>(data),
                                         static_cast<std::size_t>(size));
  return SHOJI_OK;
}

Result<std::string> DefaultPath(const sdk::Host& host) {
  const auto* dirs = host.Service<shoji_dirs_v1>(SHOJI_DIRS_V1);
  std::string run_dir;
  const shoji_sink sink = {sizeof(shoji_sink), 0, &run_dir, AppendTo};
  if (!SHOJI_HAS_SLOT(shoji_dirs_v1, dirs, path) ||
      dirs->path(host.raw(), SHOJI_DIR_RUN, &sink, nullptr) != SHOJI_OK || run_dir.empty()) {
    return FailedPrecondition("the host names no run directory; set store.filesystem.path");
  }
  return run_dir + "/store";
}

// One step for each key, the last one asked for: carried out twice, "remove a, save a"
// would lose the value.
std::vector<Step> StepsOf(const std::vector<sdk::StoreOp>& ops) {
  std::map<std::string_view, std::size_t> last;
  for (std::size_t i = 0; i < ops.size(); ++i) last[ops[i].key] = i;
  std::vector<Step> steps;
  for (const auto& [key, i] : last) {
    steps.push_back({ops[i].remove, static_cast<std::uint32_t>(i), std::string(key)});
  }
  return steps;
}

// Gives the blocks of the file their places, and does not wait.
void StartWriting(const UniqueFd& fd) {
  (void)sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
}

// Whether keys below `key` may begin with `prefix`.
bool MayHold(std::string_view key, std::string_view prefix) {
  const std::size_t common = std::min(key.size(), prefix.size());
  return key.substr(0, common) == prefix.substr(0, common);
}

}  // namespace

Result<std::unique_ptr<FilesystemStore>> FilesystemStore::Open(const sdk::Host& host,
                                                               const sdk::OptionMap& options) {
  const std::string path = options.Get("path");
  if (!path.empty()) return OpenAt(path);
  SHOJI_ASSIGN_OR_RETURN(const std::string fallback, DefaultPath(host));
  return OpenAt(fallback);
}

Result<std::unique_ptr<FilesystemStore>> FilesystemStore::OpenAt(const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(Directory directory, Directory::Open(path));
  return std::unique_ptr<FilesystemStore>(new FilesystemStore(std::move(directory)));
}

Result<Lock> FilesystemStore::LockClean(LockMode mode, const shoji_call* call) {
  SHOJI_ASSIGN_OR_RETURN(Lock lock, directory_.Acquire(mode, call));
  if (!directory_.Exists(kJournal)) return lock;
  if (mode == LockMode::kExclusive) {
    SHOJI_RETURN_IF_ERROR(Recover());
    return lock;
  }
  // flock cannot be raised without letting go; another process may recover in between.
  { const Lock released = std::move(lock); }
  return LockClean(LockMode::kExclusive, call);
}

Status FilesystemStore::Recover() {
  const std::string where = directory_.path() + "/" + kJournal;
  SHOJI_ASSIGN_OR_RETURN(const std::string bytes, directory_.Read(kJournal, kMaxJournal));
  Result<std::vector<Step>> steps = UnpackJournal(bytes);
  if (!steps.ok()) return std::move(steps).status().WithContext(where);
  std::vector<std::string> paths;
  for (const Step& step : *steps) {
    paths.push_back(PathOfKey(step.key));
    Status status = CarryOut(step);
    if (!status.ok()) return std::move(status).WithContext("cannot complete " + where);
  }
  // All of them, also those that somebody carried out before a crash and may not have synced.
  SHOJI_RETURN_IF_ERROR(directory_.SyncDirsOf(paths));
  for (const std::string& path : paths) directory_.Prune(path);
  return directory_.Remove(kJournal);
}

Result<UniqueFd> FilesystemStore::WriteStep(const Step& step, std::string_view value) {
  return directory_.Write(StepFile(step.file), {RecordHeader(step.key, value), value});
}

Status FilesystemStore::CarryOut(const Step& step) {
  const std::string path = PathOfKey(step.key);
  if (step.remove) return directory_.Unlink(path);
  const std::string file = StepFile(step.file);
  // Not there: it was moved before the crash, or by us a moment ago.
  if (!directory_.Exists(file)) return OkStatus();
  SHOJI_RETURN_IF_ERROR(directory_.MakeParents(path));
  return directory_.Rename(file, path);
}

Status FilesystemStore::Save(const shoji_call* call, std::string_view key, std::string_view value) {
  SHOJI_ASSIGN_OR_RETURN(const Lock lock, LockClean(LockMode::kExclusive, call));
  const std::string file = StepFile(0);
  const std::string path = PathOfKey(key);
  Status status = directory_.WriteDurably(file, {RecordHeader(key, value), value});
  if (status.ok()) status = directory_.MakeParents(path);
  if (status.ok()) status = directory_.Move(file, path);
  if (!status.ok()) DropLeftovers();
  return status;
}

Status FilesystemStore::LoadInto(const shoji_call* call, std::string_view key,
                                 const shoji_sink* sink) {
  const std::string path = PathOfKey(key);
  if (directory_.Exists(kJournal)) return LoadLocked(call, key, path, sink);
  char buffer[kSmall];
  const std::optional<std::string_view> bytes = directory_.ReadSmall(path, buffer, kSmall);
  if (!bytes) return LoadLocked(call, key, path, sink);
  const Result<std::string_view> value = UnpackRecord(key, *bytes);
  // What is wrong is said after another look.
  return value.ok() ? sdk::Put(sink, *value) : LoadLocked(call, key, path, sink);
}

Status FilesystemStore::LoadLocked(const shoji_call* call, std::string_view key,
                                   const std::string& path, const shoji_sink* sink) {
  const std::string where = "record " + directory_.path() + "/" + path;
  const Result<std::string> bytes = ReadLocked(call, path);
  if (!bytes.ok()) {
    const StatusCode code = bytes.status().code();
    if (code == StatusCode::kNotFound) {
      return NotFound("there is no record \"" + std::string(key) + "\"");
    }
    if (code == StatusCode::kResourceExhausted && bytes.status().sys_errno() == 0) {
      return DataLoss(where + " is larger than a record may be");
    }
    return bytes.status();
  }
  const Result<std::string_view> value = UnpackRecord(key, *bytes);
  return value.ok() ? sdk::Put(sink, *value) : value.status().WithContext(where);
}

Result<std::string> FilesystemStore::ReadLocked(const shoji_call* call, const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const Lock lock, LockClean(LockMode::kShared, call));
  return directory_.Read(path, SHOJI_STORE_VALUE_MAX + kRecordHeader);
}

Status FilesystemStore::Remove(const shoji_call* call, std::string_view key) {
  SHOJI_ASSIGN_OR_RETURN(const Lock lock, LockClean(LockMode::kExclusive, call));
  return directory_.Remove(PathOfKey(key));
}

Result<std::vector<std::string>> FilesystemStore::Scan(const shoji_call* call,
                                                       std::string_view prefix) {
  SHOJI_ASSIGN_OR_RETURN(const Lock lock, LockClean(LockMode::kShared, call));
  std::vector<std::string> keys;
  SHOJI_RETURN_IF_ERROR(Collect("", "", prefix, &keys));
  std::sort(keys.begin(), keys.end());
  return keys;
}

Status FilesystemStore::Collect(const std::string& dir, const std::string& key,
                                std::string_view prefix, std::vector<std::string>* keys) const {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> names, directory_.List(dir));
  for (const std::string& name : names) {
    const std::optional<NamePart> part = ParseName(name);
    if (!part) continue;
    const std::string whole = key + part->text;
    if (part->record) {
      if (whole.compare(0, prefix.size(), prefix) == 0) keys->push_back(whole);
    } else if (MayHold(whole, prefix)) {
      SHOJI_RETURN_IF_ERROR(Collect(dir.empty() ? name : dir + "/" + name, whole, prefix, keys));
    }
  }
  return OkStatus();
}

Status FilesystemStore::Apply(const shoji_call* call, const std::vector<sdk::StoreOp>& ops) {
  if (ops.size() > kMaxSteps) {
    return InvalidArgument("a transaction of " + std::to_string(ops.size()) + " changes; at most " +
                           std::to_string(kMaxSteps) + " are allowed");
  }
  const std::vector<Step> steps = StepsOf(ops);
  SHOJI_ASSIGN_OR_RETURN(const Lock lock, LockClean(LockMode::kExclusive, call));
  DropLeftovers();
  Status status = Prepare(steps, ops);
  if (status.ok()) status = Decide(steps);
  if (!status.ok()) {
    // Not with a journal: then it is decided, and the next call carries it out.
    if (!directory_.Exists(kJournal)) DropLeftovers();
    return status;
  }
  return Recover();
}

// All that needs space comes before the decision: a full disk leaves nothing behind.
Status FilesystemStore::Prepare(const std::vector<Step>& steps,
                                const std::vector<sdk::StoreOp>& ops) {
  std::vector<std::pair<UniqueFd, std::string>> written;
  for (const Step& step : steps) {
    if (step.remove) continue;
    SHOJI_RETURN_IF_ERROR(directory_.MakeParents(PathOfKey(step.key)));
    SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, WriteStep(step, ops[step.file].value));
    written.emplace_back(std::move(fd), StepFile(step.file));
    if (written.size() == kSyncedTogether) SHOJI_RETURN_IF_ERROR(SyncAll(&written));
  }
  return SyncAll(&written);
}

// The first of them takes the others along: for these there is hardly anything left to do.
Status FilesystemStore::SyncAll(std::vector<std::pair<UniqueFd, std::string>>* files) const {
  for (const auto& [fd, name] : *files) StartWriting(fd);
  for (const auto& [fd, name] : *files) SHOJI_RETURN_IF_ERROR(directory_.Sync(fd, name));
  files->clear();
  return OkStatus();
}

Status FilesystemStore::Decide(const std::vector<Step>& steps) {
  SHOJI_RETURN_IF_ERROR(directory_.WriteDurably(kNewJournal, {PackJournal(steps)}));
  // The names of the value files must be on disk before the journal that needs them.
  SHOJI_RETURN_IF_ERROR(directory_.SyncDirOf(kNewJournal));
  return directory_.Move(kNewJournal, kJournal);
}

// What a writer left that was killed, or failed, before its decision.
void FilesystemStore::DropLeftovers() {
  const Result<std::vector<std::string>> names = directory_.List("");
  if (!names.ok()) return;  // the change itself will tell
  for (const std::string& name : *names) {
    if (name.compare(0, 2, ".t") == 0 || name == kNewJournal) (void)directory_.Remove(name);
  }
}

}  // namespace shoji::filesystem

#include "metadata/store_copy.h"

#include <sys/random.h>

#include "metadata/hex.h"
#include "metadata/inventory.h"
#include "metadata/keys.h"
#include "metadata/record.h"
#include "shoji/base/errno.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

// What a copy is about: neither the mark nor the list, which belong to their own store.
Result<std::set<std::string>> Contents(Store& store) {
  SHOJI_ASSIGN_OR_RETURN(const auto keys, KeysOf(store, ""));
  std::set<std::string> out(keys.begin(), keys.end());
  out.erase(std::string(kStoreMarkKey));
  out.erase(std::string(kSandboxListKey));
  return out;
}

Result<std::string> Read(Store& store, const std::string& name, const std::string& key) {
  auto value = store.Load(StoreCall(), key);
  if (!value.ok()) {
    return value.status().WithContext("cannot read " + Quoted(key) + " of " + name);
  }
  return value;
}

Result<std::string> Nonce() {
  char bytes[16];
  if (getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) {
    return ErrnoStatus(errno, "cannot get random bytes");
  }
  return ToHex({bytes, sizeof(bytes)});
}

}  // namespace

Result<StoreCopyReport> StoreCopier::Run() {
  report_.from = from_.name;
  report_.to = to_.name;
  SHOJI_RETURN_IF_ERROR(ReadBoth());
  SHOJI_RETURN_IF_ERROR(CountSource());
  SHOJI_RETURN_IF_ERROR(Decide());
  if (done_) return std::move(report_);
  SHOJI_RETURN_IF_ERROR(CheckConflicts());
  SHOJI_RETURN_IF_ERROR(MarkTarget());
  SHOJI_RETURN_IF_ERROR(CopyKeys());
  SHOJI_RETURN_IF_ERROR(RemoveOthers());
  SHOJI_RETURN_IF_ERROR(WriteList());
  SHOJI_RETURN_IF_ERROR(Verify());
  SHOJI_RETURN_IF_ERROR(RemoveMark(to_.store));
  return std::move(report_);
}

Status StoreCopier::ReadBoth() {
  SHOJI_ASSIGN_OR_RETURN(const StoreMark mark, ReadMark(from_.store));
  SHOJI_RETURN_IF_ERROR(CheckUsable(mark, from_.name));
  SHOJI_ASSIGN_OR_RETURN(from_keys_, Contents(from_.store));
  SHOJI_ASSIGN_OR_RETURN(to_keys_, Contents(to_.store));
  return OkStatus();
}

// Also the proof that all of it can be read, before anything is changed.
Status StoreCopier::CountSource() {
  for (const std::string& key : from_keys_) {
    SHOJI_ASSIGN_OR_RETURN(const std::string value, Read(from_.store, from_.name, key));
    report_.bytes += value.size();
    if (IsBelow(key, kSandboxPrefix)) {
      ++report_.sandboxes;
    } else if (IsBelow(key, kContainerPrefix)) {
      ++report_.containers;
    } else {
      ++report_.others;
    }
  }
  return OkStatus();
}

Status StoreCopier::Decide() {
  SHOJI_ASSIGN_OR_RETURN(const StoreMark mark, ReadMark(to_.store));
  SHOJI_RETURN_IF_ERROR(CheckLayout(mark, to_.name));
  merges_ = mode_ == StoreCopyMode::kMerge;
  if (!mark.copy_from.empty()) return DecideAfterInterruption(mark);
  if (to_keys_.empty() || mode_ != StoreCopyMode::kIntoEmpty) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(done_, IsSame());
  if (done_) return OkStatus();
  return FailedPrecondition(to_.name + " is not empty, it holds " +
                            std::to_string(to_keys_.size()) +
                            " keys; --merge keeps what only it has, --replace removes that");
}

Status StoreCopier::DecideAfterInterruption(const StoreMark& mark) {
  report_.resumed = mark.copy_from == from_.name;
  if (mode_ == StoreCopyMode::kReplace) return OkStatus();
  if (!report_.resumed) {
    return FailedPrecondition(to_.name + " holds an unfinished copy of " + mark.copy_from +
                              "; complete that one, or give it up with --replace");
  }
  // As it was begun: only that way it is known whose the other keys are.
  merges_ = mark.copy_merges;
  return OkStatus();
}

Result<bool> StoreCopier::IsSame() {
  if (from_keys_ != to_keys_) return false;
  for (const std::string& key : from_keys_) {
    SHOJI_ASSIGN_OR_RETURN(const std::string value, Read(from_.store, from_.name, key));
    SHOJI_ASSIGN_OR_RETURN(const std::string copy, Read(to_.store, to_.name, key));
    if (value != copy) return false;
  }
  report_.unchanged = from_keys_.size();
  return true;
}

// Containers of the source that a sandbox has which only the target has.
Status StoreCopier::CheckConflicts() {
  if (!merges_) return OkStatus();
  for (const std::string& key : to_keys_) {
    if (!IsBelow(key, kSandboxPrefix) || from_keys_.count(key) > 0) continue;
    SHOJI_ASSIGN_OR_RETURN(const std::string text, Read(to_.store, to_.name, key));
    const auto record = ParseRecord(text);
    if (!record.ok()) return record.status().WithContext(Quoted(key) + " of " + to_.name);
    for (const auto& container : record->containers) {
      if (from_keys_.count(ContainerKey(container.config.id)) == 0) continue;
      return AlreadyExists("container " + Quoted(container.config.id) + " is in " + from_.name +
                           " and, in sandbox " + Quoted(record->id) + ", also in " + to_.name +
                           "; delete one of them, container ids are unique on a host");
    }
  }
  return OkStatus();
}

Status StoreCopier::MarkTarget() {
  StoreMark mark;
  mark.copy_from = from_.name;
  mark.copy_merges = merges_;
  SHOJI_ASSIGN_OR_RETURN(mark.copy_nonce, Nonce());
  SHOJI_RETURN_IF_ERROR(WriteMark(to_.store, mark));
  // Two names may lead to one place; only the place itself can tell.
  SHOJI_ASSIGN_OR_RETURN(const StoreMark seen, ReadMark(from_.store));
  if (seen.copy_nonce != mark.copy_nonce) return OkStatus();
  SHOJI_RETURN_IF_ERROR(RemoveMark(to_.store));
  return InvalidArgument(from_.name + " and " + to_.name + " are the same store");
}

Status StoreCopier::CopyKeys() {
  for (const std::string& key : from_keys_) {
    SHOJI_ASSIGN_OR_RETURN(const std::string value, Read(from_.store, from_.name, key));
    const auto there = to_.store.Load(StoreCall(), key);
    if (there.ok() && *there == value) {
      ++report_.unchanged;
      continue;
    }
    SHOJI_RETURN_IF_ERROR(to_.store.Save(StoreCall(), key, value)
                              .WithContext("cannot write " + Quoted(key) + " to " + to_.name));
    ++report_.written;
  }
  return OkStatus();
}

Status StoreCopier::RemoveOthers() {
  for (const std::string& key : to_keys_) {
    if (from_keys_.count(key) > 0) continue;
    SHOJI_ASSIGN_OR_RETURN(const bool superfluous, IsSuperfluous(key));
    if (!superfluous) continue;
    SHOJI_RETURN_IF_ERROR(to_.store.Remove(StoreCall(), key)
                              .WithContext("cannot remove " + Quoted(key) + " from " + to_.name));
    ++report_.removed;
  }
  return OkStatus();
}

Result<bool> StoreCopier::IsSuperfluous(const std::string& key) {
  if (!merges_) return true;
  if (!IsBelow(key, kContainerPrefix)) return false;
  // A container that a copied sandbox had once, and has no more.
  SHOJI_ASSIGN_OR_RETURN(const std::string owner, Read(to_.store, to_.name, key));
  return from_keys_.count(SandboxKey(owner)) > 0;
}

Status StoreCopier::WriteList() {
  if (to_.store.can_scan()) return OkStatus();
  std::set<std::string> keys = from_keys_;
  if (merges_) keys.insert(to_keys_.begin(), to_keys_.end());
  std::vector<std::string> ids;
  for (const std::string& key : keys) {
    if (IsBelow(key, kSandboxPrefix)) ids.push_back(key.substr(kSandboxPrefix.size()));
  }
  return to_.store.Save(StoreCall(), kSandboxListKey, Join(ids, "\n"))
      .WithContext("cannot write the list of sandboxes to " + to_.name);
}

Status StoreCopier::Verify() {
  for (const std::string& key : from_keys_) {
    SHOJI_ASSIGN_OR_RETURN(const std::string value, Read(from_.store, from_.name, key));
    SHOJI_ASSIGN_OR_RETURN(const std::string copy, Read(to_.store, to_.name, key));
    if (value == copy) continue;
    return DataLoss(to_.name + " gives back something else for " + Quoted(key) +
                    " than was written; it stays marked as unfinished");
  }
  SHOJI_ASSIGN_OR_RETURN(const auto there, Contents(to_.store));
  for (const std::string& key : there) {
    if (merges_ || from_keys_.count(key) > 0) continue;
    return DataLoss(to_.name + " still has " + Quoted(key) +
                    " after it was removed; it stays marked as unfinished");
  }
  return OkStatus();
}

}  // namespace shoji

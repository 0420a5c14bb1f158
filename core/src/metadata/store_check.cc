#include "metadata/store_check.h"

#include <algorithm>

#include "metadata/inventory.h"
#include "metadata/keys.h"
#include "metadata/mark.h"
#include "metadata/record.h"
#include "request/validate.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

// What an index entry names may be anything.
std::string Named(const std::string& sandbox) {
  return ValidateId("sandbox", sandbox).ok() ? "sandbox " + Quoted(sandbox) : "no sandbox";
}

std::string KindOf(StatusCode code) {
  if (code == StatusCode::kFailedPrecondition) return "newer";
  return code == StatusCode::kDataLoss ? "damaged" : "unreadable";
}

}  // namespace

StoreFinding& StoreChecker::Find(const std::string& kind, const std::string& key,
                                 const std::string& text) {
  StoreFinding finding;
  finding.kind = kind;
  finding.key = key;
  finding.text = text;
  return report_.findings.emplace_back(std::move(finding));
}

void StoreChecker::FindRepairable(const std::string& kind, const Store::Op& op,
                                  const std::string& text) {
  StoreFinding& finding = Find(kind, op.key, text);
  finding.repairable = true;
  if (!repair_) return;
  const Status done =
      op.remove ? store_.Remove(StoreCall(), op.key) : store_.Save(StoreCall(), op.key, op.value);
  finding.repaired = done.ok();
  finding.error = done.message();
}

Result<StoreCheckReport> StoreChecker::Run() {
  SHOJI_ASSIGN_OR_RETURN(const auto keys, KeysOf(store_, ""));
  report_.store = store_.name();
  report_.keys = keys.size();
  CheckMark();
  for (const std::string& key : keys) {
    if (IsBelow(key, kSandboxPrefix)) {
      CheckRecord(key);
    } else if (IsBelow(key, kContainerPrefix)) {
      CheckIndexEntry(key);
    } else if (key != kStoreMarkKey && (key != kSandboxListKey || store_.can_scan())) {
      Find("foreign", key, "Shoji has no such key; remove it by the store's own means");
    }
  }
  std::set<std::string> containers;
  for (const auto& [container, sandbox] : index_) containers.insert(container);
  for (const auto& [container, sandboxes] : homes_) containers.insert(container);
  for (const std::string& container : containers) CheckContainer(container);
  if (!store_.can_scan()) CheckList();
  report_.containers = homes_.size();
  return std::move(report_);
}

void StoreChecker::CheckMark() {
  const auto mark = ReadMark(store_);
  if (!mark.ok()) {
    Find("mark", std::string(kStoreMarkKey), mark.status().message());
    return;
  }
  if (const Status usable = CheckUsable(*mark, store_.name()); !usable.ok()) {
    Find(mark->layout == kStoreLayout ? "unfinished-copy" : "layout", std::string(kStoreMarkKey),
         usable.message());
  }
}

void StoreChecker::CheckRecord(const std::string& key) {
  const std::string id = key.substr(kSandboxPrefix.size());
  const auto text = store_.Load(StoreCall(), key);
  if (!text.ok() && text.status().code() == StatusCode::kNotFound) return;
  if (!ValidateId("sandbox", id).ok()) {
    Find("foreign", key, Quoted(id) + " is no id of a sandbox; remove it by the store's own means");
    return;
  }
  const auto record = text.ok() ? ParseRecord(*text) : Result<SandboxRecord>(text.status());
  const std::string mend = "; shoji delete --force " + id + " removes it";
  if (!record.ok()) {
    const std::string kind = KindOf(record.status().code());
    unknown_.insert(id);
    Find(kind, key, record.status().message() + (kind == "damaged" ? mend : ""));
    return;
  }
  if (record->id != id) {
    unknown_.insert(id);
    Find("name", key, "it is the record of " + Quoted(record->id) + mend);
    return;
  }
  sandboxes_.insert(id);
  ++report_.sandboxes;
  if (record->stored_schema < kRecordSchema) ++report_.older;
  for (const auto& container : record->containers) homes_[container.config.id].push_back(id);
}

void StoreChecker::CheckIndexEntry(const std::string& key) {
  const std::string container = key.substr(kContainerPrefix.size());
  const auto owner = store_.Load(StoreCall(), key);
  if (!ValidateId("container", container).ok()) {
    Find("foreign", key,
         Quoted(container) + " is no id of a container; remove it by the store's own means");
  } else if (owner.ok()) {
    index_[container] = *owner;
  } else if (owner.status().code() == StatusCode::kDataLoss) {
    index_[container] = "";  // no id: whatever stood there, the records know better
  } else if (owner.status().code() != StatusCode::kNotFound) {
    Find("unreadable", key, owner.status().message());
  }
}

void StoreChecker::CheckContainer(const std::string& container) {
  const std::string key = ContainerKey(container);
  const auto home = homes_.find(container);
  const auto entry = index_.find(container);
  const bool named = entry != index_.end();
  if (home == homes_.end()) {
    // The sandbox it names may have it, when its record cannot be read.
    if (unknown_.count(entry->second) > 0) return;
    FindRepairable("stale-index", {true, key, ""},
                   "it names " + Named(entry->second) + ", and none has this container");
    return;
  }
  const std::vector<std::string>& owners = home->second;
  if (owners.size() > 1) {
    Find("twice", key,
         "the sandboxes " + Join(owners, ", ") +
             " all have this container; delete all but one of them");
  } else if (!named) {
    FindRepairable("missing-index", {false, key, owners[0]},
                   "sandbox " + Quoted(owners[0]) + " has this container");
  } else if (unknown_.count(entry->second) > 0) {
    Find("twice", key,
         "it names sandbox " + Quoted(entry->second) +
             ", whose record cannot be "
             "read, but " +
             Quoted(owners[0]) + " has this container");
  } else if (entry->second != owners[0]) {
    FindRepairable(
        "wrong-index", {false, key, owners[0]},
        "it names " + Named(entry->second) + ", but " + Quoted(owners[0]) + " has this container");
  }
}

void StoreChecker::CheckList() {
  const auto ids = ListedIds(store_);
  if (!ids.ok()) {
    Find("unreadable", std::string(kSandboxListKey), ids.status().message());
    return;
  }
  std::vector<std::string> kept;
  std::vector<std::string> stale;
  for (const std::string& id : *ids) {
    const bool there = sandboxes_.count(id) > 0 || unknown_.count(id) > 0;
    (there ? kept : stale).push_back(id);
  }
  if (stale.empty()) return;
  FindRepairable("stale-list", {false, std::string(kSandboxListKey), Join(kept, "\n")},
                 "it names sandboxes without a record: " + Join(stale, ", "));
}

}  // namespace shoji

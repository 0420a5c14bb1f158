#include "records.h"

#include <mutex>
#include <utility>

namespace shoji::memory {

Records::Value Records::Find(std::string_view key) const {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  const auto found = map_.find(key);
  return found == map_.end() ? nullptr : found->second;
}

void Records::Save(std::string_view key, std::string_view value) {
  auto made = std::make_shared<const std::string>(value);
  Value old;  // freed without the lock
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  const auto found = map_.find(key);
  if (found == map_.end()) {
    map_.emplace(std::string(key), std::move(made));
  } else {
    old = std::exchange(found->second, std::move(made));
  }
}

void Records::Remove(std::string_view key) {
  Map::node_type old;  // freed without the lock
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  const auto found = map_.find(key);
  if (found != map_.end()) old = map_.extract(found);
}

void Records::Apply(const std::vector<sdk::StoreOp>& ops) {
  // What allocates comes first, into nodes of a map of their own; moving nodes cannot fail.
  Map changed;
  std::map<std::string_view, bool> removed;
  for (const sdk::StoreOp& op : ops) {
    removed[op.key] = op.remove;
    if (!op.remove) changed[std::string(op.key)] = std::make_shared<const std::string>(op.value);
  }
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  for (const auto& [key, is_removed] : removed) {
    const auto old = map_.find(key);
    if (old != map_.end()) map_.erase(old);
    if (!is_removed) map_.insert(changed.extract(changed.find(key)));
  }
}

std::vector<std::string> Records::Keys(std::string_view prefix) const {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  std::vector<std::string> keys;
  for (auto it = map_.lower_bound(prefix); it != map_.end(); ++it) {
    if (std::string_view(it->first).substr(0, prefix.size()) != prefix) break;
    keys.push_back(it->first);
  }
  return keys;
}

std::shared_ptr<Records> Shelf::Find(const std::string& name) {
  const MutexLock lock(mutex_);
  std::shared_ptr<Records>& records = named_[name];
  if (records == nullptr) records = std::make_shared<Records>();
  return records;
}

}  // namespace shoji::memory

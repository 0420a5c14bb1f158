#include "metadata/inventory.h"

#include <algorithm>

#include "metadata/keys.h"
#include "metadata/record.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

Result<std::vector<std::string>> Guess(Store& store) {
  std::vector<std::string> keys = {std::string(kSandboxListKey), std::string(kStoreMarkKey)};
  SHOJI_ASSIGN_OR_RETURN(const auto ids, ListedIds(store));
  for (const std::string& id : ids) {
    keys.push_back(SandboxKey(id));
    const auto text = store.Load(StoreCall(), SandboxKey(id));
    const auto record = text.ok() ? ParseRecord(*text) : Result<SandboxRecord>(text.status());
    if (!record.ok()) continue;
    for (const auto& container : record->containers) {
      keys.push_back(ContainerKey(container.config.id));
    }
  }
  std::vector<std::string> out;
  for (const std::string& key : keys) {
    const Status found = store.Load(StoreCall(), key).status();
    if (found.code() != StatusCode::kNotFound) out.push_back(key);
  }
  return out;
}

}  // namespace

Result<std::vector<std::string>> ListedIds(Store& store) {
  const auto text = store.Load(StoreCall(), kSandboxListKey);
  if (text.ok()) return Split(*text, '\n');
  if (text.status().code() == StatusCode::kNotFound) return std::vector<std::string>();
  return text.status();
}

Result<std::vector<std::string>> KeysOf(Store& store, std::string_view prefix) {
  SHOJI_ASSIGN_OR_RETURN(auto keys,
                         store.can_scan() ? store.Scan(StoreCall(), prefix) : Guess(store));
  if (!store.can_scan()) {
    keys.erase(std::remove_if(keys.begin(), keys.end(),
                              [&](const std::string& k) { return k.rfind(prefix, 0) != 0; }),
               keys.end());
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace shoji

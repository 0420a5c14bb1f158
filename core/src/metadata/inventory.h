// The keys of a store, for what looks after stores.
//
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(const auto keys, KeysOf(store, ""));
#ifndef SHOJI_CORE_METADATA_INVENTORY_H_
#define SHOJI_CORE_METADATA_INVENTORY_H_

#include <string>
#include <string_view>
#include <vector>

#include "plugin/interfaces.h"
#include "shoji/status.h"

namespace shoji {

// All keys that begin with `prefix`, sorted. A store that cannot scan is asked for those
// that follow from its list of sandboxes; others are not found there.
Result<std::vector<std::string>> KeysOf(Store& store, std::string_view prefix);

// The ids in the list of a store that cannot scan; none when there is no list.
Result<std::vector<std::string>> ListedIds(Store& store);

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_INVENTORY_H_

// The mark of a store as a whole: how its keys are laid out, and whether it is complete.
//
// Purpose  `shoji gc` takes a sandbox without a record for garbage. So a store that holds
//          not all records, or holds them where we do not look, must be refused as a whole:
//          one that is being copied to, and one laid out by a later version. A store
//          without a mark has layout 1 and is complete; that is the usual case.
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(const StoreMark mark, ReadMark(store));
//          SHOJI_RETURN_IF_ERROR(CheckUsable(mark, store.name()));
#ifndef SHOJI_CORE_METADATA_MARK_H_
#define SHOJI_CORE_METADATA_MARK_H_

#include <string>

#include "plugin/interfaces.h"
#include "shoji/status.h"

namespace shoji {

inline constexpr int kStoreLayout = 1;

struct StoreMark {
  int layout = kStoreLayout;
  // An unfinished copy: where from, whether what else is there stays, and a random word
  // that tells this copy from any other.
  std::string copy_from;
  bool copy_merges = false;
  std::string copy_nonce;
};

// The default when there is none. DATA_LOSS when it cannot be understood.
Result<StoreMark> ReadMark(Store& store);
Status WriteMark(Store& store, const StoreMark& mark);
Status RemoveMark(Store& store);

// FAILED_PRECONDITION for another layout.
Status CheckLayout(const StoreMark& mark, const std::string& store_name);
// The same, and for an unfinished copy.
Status CheckUsable(const StoreMark& mark, const std::string& store_name);

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_MARK_H_

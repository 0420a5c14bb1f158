// Makes a record of an older schema one of ours.
//
// Purpose  A chain of steps, each from schema N to N + 1. A record is upgraded when it is
//          read, and written in our schema when it is saved the next time.
//
//          When a new schema is needed: when an older version would misunderstand a record,
//          so that it has to refuse it. A member that an older version may ignore needs
//          none: it is kept over a save of that version (see record.h).
//
//          1  the first.
//          2  strings may be any bytes (metadata/text.h); 1 wrote U+FFFD for what was no
//             UTF-8. In 1 a string that began with NUL meant itself.
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(const int had, UpgradeRecord(document));
#ifndef SHOJI_CORE_METADATA_UPGRADE_H_
#define SHOJI_CORE_METADATA_UPGRADE_H_

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "shoji/status.h"

namespace shoji {

// May throw what nlohmann throws; the caller calls that damage.
using UpgradeStep = void (*)(nlohmann::json& record);

// The schema the record had; its "schema" is ours afterwards. FAILED_PRECONDITION for a
// newer one, DATA_LOSS for none.
Result<int> UpgradeRecord(nlohmann::json& record);

// The same with a chain of one's own: steps[0] leads from schema `oldest` to the next.
Result<int> UpgradeWith(const std::vector<UpgradeStep>& steps, int oldest, nlohmann::json& record);

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_UPGRADE_H_

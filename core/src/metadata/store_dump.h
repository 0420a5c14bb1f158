// A value of a store as JSON, without the secrets that it may hold.
//
// Purpose  Behind DumpStore() (shoji/store_tools.h). The values of environment variables
//          are what people keep secrets in; everything else of a record is shown.
// Threads  Safe, no state.
// Example  DumpEntry("containers/a", "web", false).json == "\"web\""
#ifndef SHOJI_CORE_METADATA_STORE_DUMP_H_
#define SHOJI_CORE_METADATA_STORE_DUMP_H_

#include <string>

#include "shoji/store_tools.h"

namespace shoji {

StoreEntry DumpEntry(const std::string& key, const std::string& value, bool secrets);

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_STORE_DUMP_H_

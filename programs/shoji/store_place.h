// What the store commands share: naming a store, and printing what lies in it.
//
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(StorePlace from, PlaceOf("sqlite", invocation.Texts("option")));
#ifndef SHOJI_PROGRAMS_SHOJI_STORE_PLACE_H_
#define SHOJI_PROGRAMS_SHOJI_STORE_PLACE_H_

#include <string>
#include <vector>

#include "command.h"
#include "shoji/store_tools.h"

namespace shoji::cli {

// `options`: "name=value" each. INVALID_ARGUMENT for another form.
Result<StorePlace> PlaceOf(const std::string& id, const std::vector<std::string>& options);

// Keys come from outside: control characters become '?'.
std::string Printable(std::string text);

// "3 sandboxes", "1 sandbox".
std::string Counted(std::size_t count, const std::string& noun);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_STORE_PLACE_H_

// A few named texts as one: "name=value" lines below a first line that says whose they are.
//
// Purpose  What a plugin keeps to find its own again; readable when somebody looks.
// Threads  Safe.
// Example  const std::string blob = FormatFields("proxy 1", {{"pid", "12"}});
//          SHOJI_ASSIGN_OR_RETURN(Fields fields, ParseFields("proxy 1", blob));
#ifndef SHOJI_BASE_FIELDS_H_
#define SHOJI_BASE_FIELDS_H_

#include <map>
#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji {

using Fields = std::map<std::string, std::string>;

// Values hold neither line feed nor zero byte (CheckFields).
std::string FormatFields(std::string_view title, const Fields& fields);

// INVALID_ARGUMENT names a value that cannot be kept.
Status CheckFields(const Fields& fields);

// DATA_LOSS unless it is what FormatFields() made: whole, with this title.
Result<Fields> ParseFields(std::string_view title, std::string_view blob);

}  // namespace shoji

#endif  // SHOJI_BASE_FIELDS_H_

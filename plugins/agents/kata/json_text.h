// Text to JSON and back, without exceptions.
//
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(const nlohmann::json spec, ParseJson(text, "OCI process"));
#ifndef SHOJI_AGENT_KATA_JSON_TEXT_H_
#define SHOJI_AGENT_KATA_JSON_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::agent_kata {

// INVALID_ARGUMENT "<what> is not JSON".
inline Result<nlohmann::json> ParseJson(std::string_view text, std::string_view what) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) return InvalidArgument(std::string(what) + " is not JSON");
  return json;
}

// One line; what is not UTF-8 (a guest may send anything) is replaced.
inline std::string JsonText(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_JSON_TEXT_H_

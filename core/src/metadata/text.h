// Strings of any bytes inside JSON, which knows UTF-8 only.
//
// Purpose  A path or an argument is bytes. A string that is UTF-8 stands as it is; any
//          other, and one that begins with NUL, becomes NUL and its bytes in hexadecimal,
//          so that what is read is what was written.
// Threads  Safe, no state.
// Example  EncodeText("caf\xe9") == std::string("\0" "636166e9", 9)
#ifndef SHOJI_CORE_METADATA_TEXT_H_
#define SHOJI_CORE_METADATA_TEXT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji {

bool IsUtf8(std::string_view text);

std::string EncodeText(std::string text);
// INVALID_ARGUMENT for what EncodeText() never gives.
Result<std::string> DecodeText(std::string text);

// DATA_LOSS when a JSON text is nested so deeply that a walk through its document might
// overrun the stack. Says nothing else about the text.
Status CheckDepth(std::string_view text);

// Every string of a document, member names too.
void EncodeStrings(nlohmann::json& value);
Status DecodeStrings(nlohmann::json& value);

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_TEXT_H_

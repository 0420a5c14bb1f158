// The bytes of a record file: a header that tells a whole record from a torn or foreign one.
//
// Format   8 bytes magic, u32 CRC-32 of key, NUL and value, u32 zero, u64 length of the
//          value, the value. Little endian.
// Threads  Safe, no state.
// Example  UnpackRecord("a", PackRecord("a", "value")) == "value"
#ifndef SHOJI_FILESYSTEM_RECORD_H_
#define SHOJI_FILESYSTEM_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::filesystem {

inline constexpr std::size_t kRecordHeader = 24;

// The header only: the value follows it.
std::string RecordHeader(std::string_view key, std::string_view value);

// The value, a part of `bytes`. DATA_LOSS says what is wrong.
Result<std::string_view> UnpackRecord(std::string_view key, std::string_view bytes);

// Little-endian numbers, for the journal too.
void PutNumber(std::string* out, std::uint64_t value, int bytes);
std::uint64_t GetNumber(std::string_view bytes, std::size_t at, int size);

}  // namespace shoji::filesystem

#endif  // SHOJI_FILESYSTEM_RECORD_H_

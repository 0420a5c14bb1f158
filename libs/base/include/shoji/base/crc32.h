// CRC-32 as in zlib, PNG and Ethernet: finds damage, not malice.
//
// Threads  Safe, no state.
// Example  Crc32("6789", Crc32("12345")) == Crc32("123456789")  // 0xcbf43926
#ifndef SHOJI_BASE_CRC32_H_
#define SHOJI_BASE_CRC32_H_

#include <cstdint>
#include <string_view>

namespace shoji {

// Of what has the checksum `crc` and then `data`.
std::uint32_t Crc32(std::string_view data, std::uint32_t crc = 0);

}  // namespace shoji

#endif  // SHOJI_BASE_CRC32_H_

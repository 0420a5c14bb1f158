#include "record.h"

#include <array>

namespace shoji::filesystem {
namespace {

constexpr std::string_view kMagic = "ShojiRec";

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

// Table k gives what a byte does to the checksum when k bytes follow it.
constexpr Table MakeTable() {
  Table table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    table[0][i] = crc;
  }
  for (std::size_t k = 1; k < table.size(); ++k) {
    for (std::uint32_t i = 0; i < 256; ++i) {
      table[k][i] = table[0][table[k - 1][i] & 0xffU] ^ (table[k - 1][i] >> 8U);
    }
  }
  return table;
}

constexpr Table kTable = MakeTable();

// Eight bytes at once: about five times as fast as one by one.
std::uint32_t CrcOfEight(const char* data, std::uint32_t crc) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const std::uint32_t mixed = i < 4 ? crc >> (8 * i) & 0xffU : 0U;
    out ^= kTable[7 - i][mixed ^ static_cast<unsigned char>(data[i])];
  }
  return out;
}

std::uint32_t CrcOf(std::string_view key, std::string_view value) {
  return Crc32(value, Crc32(std::string_view("\0", 1), Crc32(key)));
}

}  // namespace

std::uint32_t Crc32(std::string_view data, std::uint32_t crc) {
  crc = ~crc;
  for (; data.size() >= 8; data.remove_prefix(8)) crc = CrcOfEight(data.data(), crc);
  for (const char c : data) {
    crc = kTable[0][(crc ^ static_cast<unsigned char>(c)) & 0xffU] ^ (crc >> 8U);
  }
  return ~crc;
}

void PutNumber(std::string* out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) *out += static_cast<char>(value >> (8 * i) & 0xffU);
}

std::uint64_t GetNumber(std::string_view bytes, std::size_t at, int size) {
  std::uint64_t value = 0;
  for (int i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
    value |= std::uint64_t{byte} << (8 * i);
  }
  return value;
}

std::string RecordHeader(std::string_view key, std::string_view value) {
  std::string out(kMagic);
  PutNumber(&out, CrcOf(key, value), 4);
  PutNumber(&out, 0, 4);
  PutNumber(&out, value.size(), 8);
  return out;
}

Result<std::string_view> UnpackRecord(std::string_view key, std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    return DataLoss("it is not a Shoji record");
  }
  if (bytes.size() < kRecordHeader || GetNumber(bytes, 16, 8) != bytes.size() - kRecordHeader) {
    return DataLoss("it is cut off or has bytes at its end");
  }
  if (GetNumber(bytes, 12, 4) != 0) return DataLoss("a newer version of the store wrote it");
  const std::uint64_t crc = GetNumber(bytes, 8, 4);
  bytes.remove_prefix(kRecordHeader);
  if (crc != CrcOf(key, bytes)) return DataLoss("its checksum is wrong");
  return bytes;
}

}  // namespace shoji::filesystem

#include "record.h"

#include <array>

namespace shoji::filesystem {
namespace {

constexpr std::string_view kMagic = "ShojiRec";

constexpr std::array<std::uint32_t, 256> MakeTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    table[i] = crc;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kTable = MakeTable();

std::uint32_t CrcOf(std::string_view key, std::string_view value) {
  return Crc32(value, Crc32(std::string_view("\0", 1), Crc32(key)));
}

}  // namespace

std::uint32_t Crc32(std::string_view data, std::uint32_t crc) {
  crc = ~crc;
  for (const char c : data)
    crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xffU] ^ (crc >> 8U);
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

Result<std::string> UnpackRecord(std::string_view key, std::string bytes) {
  if (std::string_view(bytes).substr(0, kMagic.size()) != kMagic) {
    return DataLoss("it is not a Shoji record");
  }
  if (bytes.size() < kRecordHeader || GetNumber(bytes, 16, 8) != bytes.size() - kRecordHeader) {
    return DataLoss("it is cut off or has bytes at its end");
  }
  if (GetNumber(bytes, 12, 4) != 0) return DataLoss("a newer version of the store wrote it");
  const std::uint64_t crc = GetNumber(bytes, 8, 4);
  bytes.erase(0, kRecordHeader);
  if (crc != CrcOf(key, bytes)) return DataLoss("its checksum is wrong");
  return bytes;
}

}  // namespace shoji::filesystem

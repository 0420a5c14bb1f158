#include "record.h"

#include <cstring>

#include "shoji/base/crc32.h"

namespace shoji::filesystem {
namespace {

constexpr std::string_view kMagic = "ShojiRec";

std::uint32_t CrcOf(std::string_view key, std::string_view value) {
  return Crc32(value, Crc32(std::string_view("\0", 1), Crc32(key)));
}

}  // namespace

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

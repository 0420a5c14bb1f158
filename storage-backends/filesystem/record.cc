#include "record.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace shoji::filesystem {
namespace {

constexpr std::string_view kMagic = "ShojiRec";

using Table = std::array<std::array<std::uint32_t, 256>, 16>;

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

// What four bytes, the first one lowest, do to the checksum when `behind` bytes follow them.
std::uint32_t CrcOfFour(std::uint32_t word, std::size_t behind) {
  return kTable[behind + 3][word & 0xffU] ^ kTable[behind + 2][word >> 8U & 0xffU] ^
         kTable[behind + 1][word >> 16U & 0xffU] ^ kTable[behind][word >> 24U];
}

std::uint32_t Word(const char* data) {
  std::uint32_t word = 0;
  std::memcpy(&word, data, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap32(word);
  return word;
}

// Sixteen bytes at once: many times as fast as one by one.
std::uint32_t CrcOfSixteen(const char* data, std::uint32_t crc) {
  return CrcOfFour(Word(data) ^ crc, 12) ^ CrcOfFour(Word(data + 4), 8) ^
         CrcOfFour(Word(data + 8), 4) ^ CrcOfFour(Word(data + 12), 0);
}

#if defined(__x86_64__)
// Carries 16 bytes over the next 16 by multiplication of polynomials over GF(2): the constants
// are x^(128+32) and x^(128-32) modulo the polynomial of CRC-32, bits reflected. What is left
// has the checksum of all. REQUIRES: 16 bytes or more; takes the whole blocks off `data`.
__attribute__((target("pclmul,sse2"))) std::uint32_t CrcOfBlocks(std::string_view* data,
                                                                 std::uint32_t crc) {
  const auto load = [](const char* at) __attribute__((target("sse2"))) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  };
  const __m128i factors = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  __m128i rest = _mm_xor_si128(load(data->data()), _mm_cvtsi32_si128(static_cast<int>(crc)));
  for (data->remove_prefix(16); data->size() >= 16; data->remove_prefix(16)) {
    const __m128i low = _mm_clmulepi64_si128(rest, factors, 0x00);
    const __m128i high = _mm_clmulepi64_si128(rest, factors, 0x11);
    rest = _mm_xor_si128(_mm_xor_si128(low, high), load(data->data()));
  }
  char bytes[16];
  std::memcpy(bytes, &rest, sizeof(bytes));
  return CrcOfSixteen(bytes, 0);
}
bool HasMultiplication() { return __builtin_cpu_supports("pclmul") != 0; }
#else
std::uint32_t CrcOfBlocks(std::string_view* /*data*/, std::uint32_t crc) { return crc; }
bool HasMultiplication() { return false; }
#endif

std::uint32_t CrcOf(std::string_view key, std::string_view value) {
  return Crc32(value, Crc32(std::string_view("\0", 1), Crc32(key)));
}

}  // namespace

std::uint32_t Crc32(std::string_view data, std::uint32_t crc) {
  crc = ~crc;
  if (data.size() >= 64 && HasMultiplication()) crc = CrcOfBlocks(&data, crc);
  for (; data.size() >= 16; data.remove_prefix(16)) crc = CrcOfSixteen(data.data(), crc);
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

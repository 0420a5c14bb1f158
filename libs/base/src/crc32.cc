#include "shoji/base/crc32.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace shoji {
namespace {

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

}  // namespace shoji

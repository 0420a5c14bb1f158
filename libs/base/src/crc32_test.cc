#include "shoji/base/crc32.h"

#include <gtest/gtest.h>

#include <string>

namespace shoji {
namespace {

TEST(Crc32, KnownValues) {
  EXPECT_EQ(Crc32("123456789"), 0xcbf43926U);
  EXPECT_EQ(Crc32("The quick brown fox jumps over the lazy dog"), 0x414fa339U);
  EXPECT_EQ(Crc32("6789", Crc32("12345")), 0xcbf43926U);
  EXPECT_EQ(Crc32(""), 0U);
}

TEST(Crc32, IsTheSameInOneGoAndByteByByte) {
  std::string data;
  for (int i = 0; i < 300; ++i) data += static_cast<char>(i * i + i / 7);
  for (std::size_t size = 0; size <= data.size(); ++size) {
    std::uint32_t slow = 0;
    for (std::size_t i = 0; i < size; ++i) slow = Crc32(data.substr(i, 1), slow);
    EXPECT_EQ(Crc32(std::string_view(data).substr(0, size)), slow) << size;
  }
}

}  // namespace
}  // namespace shoji

#include "console.h"

#include <gmock/gmock.h>

#include <vector>

#include "log.h"

namespace shoji::proxy {
namespace {

using ::testing::ElementsAre;

TEST(Lines, HoweverTheyArrive) {
  std::vector<std::string> got;
  Lines lines([&](std::string_view line) { got.emplace_back(line); });
  for (const char* bytes : {"a\r\nb", "c", "\n\n\r\n", "last"}) lines.Feed(bytes);
  EXPECT_THAT(got, ElementsAre("a", "bc"));
  lines.Flush();
  lines.Flush();
  EXPECT_THAT(got, ElementsAre("a", "bc", "last"));
}

TEST(Lines, AnEndlessLineIsCutAndNotKept) {
  std::size_t pieces = 0;
  std::size_t bytes = 0;
  Lines lines([&](std::string_view line) {
    ++pieces;
    bytes += line.size();
    EXPECT_LE(line.size(), 4096U);
  });
  for (int i = 0; i < 100; ++i) lines.Feed(std::string(10'000, 'x'));
  lines.Flush();
  EXPECT_EQ(bytes, 1'000'000U);
  EXPECT_EQ(pieces, 245U);
}

TEST(Quoted, NothingThatATerminalObeys) {
  EXPECT_EQ(Quoted("a \"b\" \\ \x1b[2J\n\xff"), R"("a \"b\" \\ \x1b[2J\x0a\xff")");
  EXPECT_EQ(Quoted(""), "\"\"");
}

}  // namespace
}  // namespace shoji::proxy

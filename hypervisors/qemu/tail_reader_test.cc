#include "tail_reader.h"

#include <gtest/gtest.h>

#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::qemu {
namespace {

using std::chrono::seconds;

struct Ends {
  std::vector<UniqueFd> readers;
  std::vector<UniqueFd> writers;
};
Ends Make(int count) {
  Ends ends;
  for (int i = 0; i < count; ++i) {
    auto pair = SocketPair();
    EXPECT_TRUE(pair.ok());
    ends.readers.push_back(std::move(pair->first));
    ends.writers.push_back(std::move(pair->second));
  }
  return ends;
}

TEST(TailReaderTest, KeepsWhatWasSaidPerStream) {
  Ends ends = Make(2);
  std::vector<std::string> lines;
  TailReader tail(std::move(ends.readers), [&lines](std::size_t stream, std::string_view line) {
    lines.push_back(std::to_string(stream) + ":" + std::string(line));
  });
  ASSERT_TRUE(WriteAll(ends.writers[0].get(), "one\r\n\ntw").ok());
  ASSERT_TRUE(WriteAll(ends.writers[0].get(), "o\nunfinished").ok());
  ends.writers.clear();
  ASSERT_TRUE(tail.WaitEnd(Deadline::After(seconds(20))));
  EXPECT_EQ(tail.Text(0), "one\r\n\ntwo\nunfinished");
  EXPECT_EQ(tail.Text(1), "");
  EXPECT_EQ(lines, (std::vector<std::string>{"0:one", "0:two"}));
}

TEST(TailReaderTest, AFloodIsBoundedAndNeverBlocksTheWriter) {
  Ends ends = Make(1);
  TailReader tail(std::move(ends.readers), nullptr);
  std::string line(99, 'x');
  line += '\n';
  for (int i = 0; i < 20000; ++i) ASSERT_TRUE(WriteAll(ends.writers[0].get(), line).ok());
  ASSERT_TRUE(WriteAll(ends.writers[0].get(), "last\n").ok());
  ends.writers.clear();
  ASSERT_TRUE(tail.WaitEnd(Deadline::After(seconds(20))));
  const std::string text = tail.Text(0);
  EXPECT_LE(text.size(), TailReader::kKept);
  EXPECT_GT(text.size(), TailReader::kKept / 2);
  EXPECT_EQ(text.substr(0, line.size()), line);  // begins with a whole line
  EXPECT_EQ(text.substr(text.size() - 5), "last\n");
}

TEST(TailReaderTest, ALineWithoutEndComesInPieces) {
  Ends ends = Make(1);
  std::size_t longest = 0;
  std::size_t total = 0;
  TailReader tail(std::move(ends.readers), [&](std::size_t, std::string_view line) {
    longest = std::max(longest, line.size());
    total += line.size();
  });
  ASSERT_TRUE(WriteAll(ends.writers[0].get(), std::string(100000, 'y') + "\n").ok());
  ends.writers.clear();
  ASSERT_TRUE(tail.WaitEnd(Deadline::After(seconds(20))));
  EXPECT_LE(longest, 1024U);
  EXPECT_EQ(total, 100000U);
}

TEST(TailReaderTest, WaitEndMeetsItsDeadlineAndDestructionItsEnd) {
  Ends ends = Make(1);
  auto tail = std::make_unique<TailReader>(std::move(ends.readers), nullptr);
  EXPECT_FALSE(tail->WaitEnd(Deadline::After(std::chrono::milliseconds(20))));
  tail.reset();  // with the stream still open
  char c = 0;
  EXPECT_EQ(read(ends.writers[0].get(), &c, 1), 0);  // our end is closed
}

}  // namespace
}  // namespace shoji::qemu

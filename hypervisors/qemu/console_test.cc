#include "console.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "stats.h"
#include "tail_reader.h"

namespace shoji::qemu {
namespace {

using std::chrono::seconds;

class ConsoleTest : public testing::Test {
 protected:
  ConsoleTest() {
    char name[] = "/tmp/qemu_console_test.XXXXXX";
    dir_ = mkdtemp(name);
    auto console = SocketPair();
    EXPECT_TRUE(console.ok());
    guest_ = std::move(console->first);
    auto listener = ListenUnix(Path());
    EXPECT_TRUE(listener.ok());
    TailHooks hooks;
    hooks.tee =
        std::make_unique<ConsoleTee>(std::move(*listener), UniqueFd(dup(console->second.get())));
    std::vector<UniqueFd> streams;
    streams.push_back(std::move(console->second));
    tail_ = std::make_unique<TailReader>(std::move(streams), nullptr, std::move(hooks));
  }
  ~ConsoleTest() override {
    tail_.reset();
    std::filesystem::remove_all(dir_);
  }

  std::string Path() const { return dir_ + "/tee"; }
  Result<UniqueFd> Reader() { return OpenTee(Path(), {Deadline::After(seconds(30))}); }
  static std::string Read(const UniqueFd& fd, std::size_t bytes) {
    std::string text(bytes, '\0');
    std::size_t have = 0;
    while (have < bytes) {
      const ssize_t n = read(fd.get(), text.data() + have, bytes - have);
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
    }
    text.resize(have);
    return text;
  }

  std::string dir_;
  UniqueFd guest_;
  std::unique_ptr<TailReader> tail_;
};

TEST_F(ConsoleTest, CopiesOutputAndPassesInput) {
  const auto reader = Reader();
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  ASSERT_TRUE(WriteAll(guest_.get(), "hello").ok());
  EXPECT_EQ(Read(*reader, 5), "hello");
  ASSERT_TRUE(WriteAll(reader->get(), "typed").ok());
  EXPECT_EQ(Read(guest_, 5), "typed");
}

TEST_F(ConsoleTest, OneReaderAfterTheOther) {
  {
    const auto first = Reader();
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(Reader().status().code(), StatusCode::kAborted);
  }
  EXPECT_TRUE(Reader().ok());
}

TEST_F(ConsoleTest, AReaderThatSleepsHoldsUpNobody) {
  const auto reader = Reader();
  ASSERT_TRUE(reader.ok());
  const std::string block(64U << 10U, 'x');
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(WriteAll(guest_.get(), block).ok());
  ASSERT_TRUE(WriteAll(guest_.get(), "\nlast\n").ok());
  guest_.reset();
  EXPECT_TRUE(tail_->WaitEnd(Deadline::After(seconds(30))));
  EXPECT_NE(tail_->Text(0).find("last"), std::string::npos);
}

TEST_F(ConsoleTest, TheEndOfTheConsoleIsTheReaders) {
  const auto reader = Reader();
  ASSERT_TRUE(reader.ok());
  guest_.reset();
  EXPECT_EQ(Read(*reader, 1), "");
  EXPECT_EQ(Reader().status().code(), StatusCode::kUnavailable);
}

TEST(StatsTest, ReadsWhatQemuAnswers) {
  std::uint32_t vcpus = 0;
  const auto threads = VcpuThreads(R"([{"thread-id":7},{"thread-id":5},{"thread-id":7}])", &vcpus);
  ASSERT_TRUE(threads.ok());
  EXPECT_EQ(*threads, (std::vector<pid_t>{5, 7}));
  EXPECT_EQ(vcpus, 3U);
  EXPECT_FALSE(VcpuThreads("{}", &vcpus).ok());
  EXPECT_FALSE(VcpuThreads("[{}]", &vcpus).ok());
  const auto bytes =
      SumBlockStats(R"([{"stats":{"rd_bytes":1,"wr_bytes":2}},{"stats":{"rd_bytes":10}},{}])");
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(bytes->read, 11U);
  EXPECT_EQ(bytes->written, 2U);
  EXPECT_FALSE(SumBlockStats("what").ok());
}

TEST(StatsTest, ReadsThisProcess) {
  EXPECT_GT(*ProcessCpuNanos(getpid()), 0U);
  EXPECT_TRUE(ThreadCpuNanos(getpid(), getpid()).ok());
  EXPECT_GT(ResidentBytes(getpid()), 1U << 20U);
  EXPECT_EQ(ProcessCpuNanos(4194303).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(ResidentBytes(4194303), 0U);
}

}  // namespace
}  // namespace shoji::qemu

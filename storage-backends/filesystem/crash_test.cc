// Writers killed at random moments, and many processes at once.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "filesystem_store.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::filesystem {
namespace {

constexpr std::size_t kFill = 20000;  // a torn value would be seen

std::string ValueOf(int number) {
  return std::to_string(number) + ":" + std::string(kFill, static_cast<char>('a' + number % 26));
}

// The number, or -1 when the value is not whole.
int NumberOf(const std::string& value) {
  const Result<std::int64_t> number = ParseInt(value.substr(0, value.find(':')));
  if (!number.ok() || value != ValueOf(static_cast<int>(*number))) return -1;
  return static_cast<int>(*number);
}

class CrashTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/shoji-crash-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }

  std::unique_ptr<FilesystemStore> Open() {
    auto store = FilesystemStore::OpenAt(dir_ + "/store");
    if (!store.ok()) ADD_FAILURE() << store.status().message();
    return std::move(store).value();
  }

  // Runs `body` in a child, which ends with its exit status.
  template <typename Body>
  static pid_t Fork(Body body) {
    const pid_t pid = fork();
    if (pid == 0) _exit(body() ? 0 : 1);
    return pid;
  }
  static int Reap(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
  }

  std::string dir_;
};

// Kills the writer at a random moment within its work: after it has told of a random
// number of finished rounds, and a random count of turns of an idle loop later.
void KillSomewhere(pid_t pid, int told_fd, std::mt19937* random) {
  char byte = 0;
  for (auto left = 1 + (*random)() % 4; left > 0; --left) {
    ASSERT_EQ(read(told_fd, &byte, 1), 1);
  }
  for (volatile auto turns = (*random)() % 300000; turns > 0;) turns = turns - 1;
  kill(pid, SIGKILL);
}

TEST_F(CrashTest, KilledDuringSavesLeavesTheOldValueOrTheNewOne) {
  std::mt19937 random(7);
  ASSERT_TRUE(Open()->Save(nullptr, "k/v", ValueOf(0)).ok());
  int before = 0;
  for (int round = 0; round < 50; ++round) {
    int told[2];
    ASSERT_EQ(pipe(told), 0);
    const pid_t pid = Fork([&] {
      auto store = Open();
      for (int i = before + 1;; ++i) {
        if (!store->Save(nullptr, "k/v", ValueOf(i)).ok() || write(told[1], "x", 1) != 1)
          return false;
      }
    });
    close(told[1]);
    KillSomewhere(pid, told[0], &random);
    EXPECT_TRUE(WIFSIGNALED(Reap(pid)));
    int finished = 0;
    for (char byte = 0; read(told[0], &byte, 1) == 1;) ++finished;
    close(told[0]);
    const auto value = Open()->Load(nullptr, "k/v");
    ASSERT_TRUE(value.ok()) << value.status().message();
    const int number = NumberOf(*value);
    ASSERT_GT(number, before + finished) << "a save that had returned is lost";
    before = number;
  }
}

TEST_F(CrashTest, KilledDuringTransactionsLeavesAllOrNone) {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    int told[2];
    ASSERT_EQ(pipe(told), 0);
    const pid_t pid = Fork([&] {
      auto store = Open();
      for (int i = 1;; ++i) {
        const std::string value = ValueOf(i);
        // One of two keys goes with each transaction, the other comes.
        const std::string here = "odd/" + std::to_string(i % 2);
        const std::string gone = "odd/" + std::to_string((i + 1) % 2);
        const Status status = store->Apply(
            nullptr,
            {{false, "a", value}, {false, "b/c", value}, {false, here, value}, {true, gone, {}}});
        if (!status.ok() || write(told[1], "x", 1) != 1) return false;
      }
    });
    close(told[1]);
    KillSomewhere(pid, told[0], &random);
    EXPECT_TRUE(WIFSIGNALED(Reap(pid)));
    close(told[0]);
    auto store = Open();
    const auto a = store->Load(nullptr, "a");
    const auto b = store->Load(nullptr, "b/c");
    ASSERT_TRUE(a.ok() && b.ok()) << a.status().message() << b.status().message();
    ASSERT_GT(NumberOf(*a), 0);
    EXPECT_EQ(*a, *b);
    const std::string here = "odd/" + std::to_string(NumberOf(*a) % 2);
    EXPECT_EQ(store->Scan(nullptr, "odd/").value(), std::vector<std::string>{here});
    EXPECT_EQ(store->Load(nullptr, here).value(), *a);
  }
}

TEST_F(CrashTest, EightProcessesAtOnce) {
  constexpr int kProcesses = 8;
  constexpr int kRounds = 25;
  std::vector<pid_t> pids;
  for (int p = 0; p < kProcesses; ++p) {
    pids.push_back(Fork([&] {
      auto store = Open();  // some make the store, some find it
      for (int i = 0; i < kRounds; ++i) {
        const std::string own = "own/" + std::to_string(p) + "/" + std::to_string(i);
        const std::string value = ValueOf(p * kRounds + i);
        if (!store->Apply(nullptr, {{false, own, value}, {false, "x", value}, {false, "y", value}})
                 .ok()) {
          return false;
        }
        const auto x = store->Load(nullptr, "x");
        if (!x.ok() || NumberOf(*x) < 0 || !store->Scan(nullptr, "own/").ok()) return false;
      }
      return true;
    }));
  }
  for (const pid_t pid : pids) EXPECT_EQ(Reap(pid), 0);
  auto store = Open();
  EXPECT_EQ(store->Scan(nullptr, "own/").value().size(), std::size_t{kProcesses * kRounds});
  EXPECT_EQ(store->Load(nullptr, "x").value(), store->Load(nullptr, "y").value());
}

}  // namespace
}  // namespace shoji::filesystem

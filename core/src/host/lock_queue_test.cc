#include "host/lock_queue.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "host/lock.h"
#include "testing/fake_plugins.h"

namespace shoji {
namespace {

using std::chrono::milliseconds;

TEST(LockQueueTest, SharedGoTogetherExclusiveAlone) {
  LockQueue queue;
  std::optional<LockQueue::Turn> first = queue.Wait(LockMode::kShared, Deadline::Never());
  EXPECT_TRUE(queue.Wait(LockMode::kShared, Deadline::After(milliseconds(0))));
  EXPECT_FALSE(queue.Wait(LockMode::kExclusive, Deadline::After(milliseconds(10))));
  first.reset();
  const LockQueue::Turn alone = queue.Wait(LockMode::kExclusive, Deadline::After(milliseconds(0)));
  EXPECT_TRUE(alone);
  EXPECT_FALSE(queue.Wait(LockMode::kShared, Deadline::After(milliseconds(10))));
  EXPECT_FALSE(queue.Wait(LockMode::kExclusive, Deadline::After(milliseconds(0))));
}

TEST(LockQueueTest, ATurnMovesAndOutlivesItsQueue) {
  LockQueue::Turn kept;
  {
    LockQueue queue;
    LockQueue::Turn turn = queue.Wait(LockMode::kExclusive, Deadline::Never());
    kept = std::move(turn);
    EXPECT_FALSE(turn);  // NOLINT(bugprone-use-after-move): that is what is tested
    EXPECT_FALSE(queue.Wait(LockMode::kShared, Deadline::After(milliseconds(0))));
    kept = {};
    kept = queue.Wait(LockMode::kShared, Deadline::After(milliseconds(0)));
    EXPECT_TRUE(kept);
  }
}

// Who gives up leaves its place: those behind it go on as soon as they may.
TEST(LockQueueTest, OneThatGivesUpStandsInNobodysWay) {
  LockQueue queue;
  const LockQueue::Turn reader = queue.Wait(LockMode::kShared, Deadline::Never());
  std::thread writer(
      [&] { EXPECT_FALSE(queue.Wait(LockMode::kExclusive, Deadline::After(milliseconds(50)))); });
  std::thread behind([&] { EXPECT_TRUE(queue.Wait(LockMode::kShared, Deadline::Never())); });
  writer.join();
  behind.join();
}

// Threads with the file itself: each has it alone, and all come to their turn.
TEST(LockQueueTest, ThreadsTakeTurnsWithTheFile) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 25;
  testing::TempDir dir;
  const std::string path = dir.path() + "/lock";
  LockQueue queue;
  std::atomic<int> inside = 0;
  int count = 0;  // guarded by the lock that is tested
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        const auto lock =
            FileLock::Acquire(path, LockMode::kExclusive, Deadline::Never(), "x", &queue);
        ASSERT_TRUE(lock.ok()) << lock.status().message();
        EXPECT_EQ(++inside, 1);
        ++count;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, kThreads * kRounds);
}

// In the order in which they came, whatever the scheduler likes.
TEST(LockQueueTest, FirstComeFirstServed) {
  constexpr int kThreads = 6;
  LockQueue queue;
  std::optional<LockQueue::Turn> held = queue.Wait(LockMode::kExclusive, Deadline::Never());
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const LockQueue::Turn turn = queue.Wait(LockMode::kExclusive, Deadline::Never());
      const std::lock_guard<std::mutex> lock(mutex);
      order.push_back(i);
    });
    while (queue.waiting() <= static_cast<std::size_t>(i)) std::this_thread::yield();
  }
  held.reset();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, std::vector<int>({0, 1, 2, 3, 4, 5}));
}

TEST(LockQueueTest, TheLimitNamesTheHolder) {
  testing::TempDir dir;
  const std::string path = dir.path() + "/lock";
  LockQueue queue;
  auto held = FileLock::Acquire(path, LockMode::kExclusive, Deadline::Never(), "x", &queue);
  ASSERT_TRUE(held.ok());
  const auto late = FileLock::Acquire(path, LockMode::kShared, Deadline::After(milliseconds(20)),
                                      "sandbox \"a\"", &queue);
  EXPECT_EQ(late.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_NE(late.status().message().find("sandbox \"a\" is locked by process " +
                                         std::to_string(getpid()) + " and was not free within "),
            std::string::npos)
      << late.status().message();
  held->Release();
  EXPECT_TRUE(FileLock::Acquire(path, LockMode::kShared, Deadline::Never(), "x", &queue).ok());
  // What fails gives its turn back.
  EXPECT_EQ(FileLock::Acquire(dir.path() + "/no/lock", LockMode::kExclusive, Deadline::Never(), "x",
                              &queue)
                .status()
                .code(),
            StatusCode::kNotFound);
  EXPECT_TRUE(queue.Wait(LockMode::kExclusive, Deadline::After(milliseconds(0))));
}

}  // namespace
}  // namespace shoji

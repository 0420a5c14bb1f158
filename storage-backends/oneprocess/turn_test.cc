#include "turn.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <atomic>
#include <thread>

#include "shoji/base/thread_annotations.h"
#include "test_dir.h"

namespace shoji::oneprocess {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

std::string Somebody() { return "held by somebody"; }

Patience Long() { return {Deadline::After(seconds(60)), -1, true}; }

class TurnTest : public DirTest {
 protected:
  void SetUp() override {
    DirTest::SetUp();
    ASSERT_TRUE(turn().Prepare().ok());
  }
  Turn turn() const { return Turn(dir_); }
  Held Take() const {
    auto held = turn().Take(Long(), Somebody);
    EXPECT_TRUE(held.ok()) << held.status().message();
    return held.ok() ? std::move(held).value() : Held();
  }
  static bool IsAsked(const Held& held, int timeout_ms) {
    pollfd asked{held.asked_fd(), POLLIN, 0};
    return poll(&asked, 1, timeout_ms) == 1;
  }
};

TEST_F(TurnTest, AWaiterAsksAndGetsItWhenItIsFree) {
  Held held = Take();
  EXPECT_FALSE(IsAsked(held, 0));
  std::atomic<bool> got{false};
  std::thread waiter([&] {
    const Held other = Take();
    got = true;
  });
  EXPECT_TRUE(IsAsked(held, 60000));
  EXPECT_FALSE(got);
  held.Release();
  waiter.join();
  EXPECT_TRUE(got);
  EXPECT_FALSE(IsAsked(Take(), 0)) << "what the waiter asked was for the holder before it";
}

TEST_F(TurnTest, AKilledHolderLetsGo) {
  Child holder([&](const auto& ready) {
    const Held held = Take();
    ready();
    return true;
  });
  ASSERT_TRUE(holder.WaitReady());
  std::atomic<bool> got{false};
  std::thread waiter([&] { got = turn().Take(Long(), Somebody).ok(); });
  kill(holder.pid(), SIGKILL);
  waiter.join();
  EXPECT_TRUE(got);
  EXPECT_TRUE(WIFSIGNALED(holder.Finish()));
}

TEST_F(TurnTest, WhoLetsGoAndWantsItAgainComesBehindTheWaiters) {
  constexpr int kWaiters = 4;
  Held held = Take();
  Mutex mutex;
  std::vector<int> order;
  const auto note = [&](int who) {
    const MutexLock lock(mutex);
    order.push_back(who);
  };
  std::vector<std::thread> waiters;
  for (int i = 0; i < kWaiters; ++i) {
    waiters.emplace_back([&, i] {
      const Held other = Take();
      note(i);
    });
  }
  EXPECT_TRUE(IsAsked(held, 60000));
  held.Release();
  held = Take();
  note(kWaiters);
  held.Release();
  for (std::thread& waiter : waiters) waiter.join();
  ASSERT_EQ(order.size(), std::size_t{kWaiters + 1});
  EXPECT_NE(order.front(), kWaiters);
}

TEST_F(TurnTest, TheWaitEndsAtTheDeadlineAndSaysWhoHoldsIt) {
  const Held held = Take();
  const Deadline begin = Deadline::After(seconds(0));
  Status status = turn().Take({Deadline::After(milliseconds(30)), -1, true}, Somebody).status();
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("held by somebody"));
  EXPECT_LT(Deadline::NowNanos() - begin.nanos(), std::chrono::nanoseconds(seconds(30)).count());
  status = turn().Take({Deadline::After(milliseconds(30)), -1, false}, Somebody).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("lock_timeout"));
}

TEST_F(TurnTest, TheWaitIsCancelled) {
  Held held = Take();
  const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
  Status status;
  std::thread waiter([&] {
    status = turn().Take({Deadline::After(seconds(60)), cancel.get(), true}, Somebody).status();
  });
  EXPECT_TRUE(IsAsked(held, 60000));
  EXPECT_EQ(eventfd_write(cancel.get(), 1), 0);
  waiter.join();
  EXPECT_EQ(status.code(), StatusCode::kCancelled);
}

TEST_F(TurnTest, ALockThatIsFreeIsTakenWhateverTheDeadline) {
  EXPECT_TRUE(turn().Take({Deadline::FromNanos(1), -1, true}, Somebody).ok());
}

TEST_F(TurnTest, AChildAfterForkDoesNotKeepIt) {
  Held held = Take();
  Child child([&](const auto& ready) {  // has the descriptor too
    ready();
    return true;
  });
  ASSERT_TRUE(child.WaitReady());
  held.Release();
  EXPECT_TRUE(turn().Take(Long(), Somebody).ok());
}

}  // namespace
}  // namespace shoji::oneprocess

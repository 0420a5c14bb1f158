#include "signal_relay.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace shoji::cli {
namespace {

// What the handler was given, in order.
class Given {
 public:
  void Add(int signal) {
    const std::lock_guard lock(mutex_);
    signals_.push_back(signal);
    changed_.notify_all();
  }
  std::vector<int> Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return signals_.size() >= count; });
    return signals_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> signals_;
};

bool IsReadable(int fd, int milliseconds) {
  pollfd ready{fd, POLLIN, 0};
  return poll(&ready, 1, milliseconds) == 1;
}

class SignalRelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto relay = SignalRelay::Start();
    ASSERT_TRUE(relay.ok()) << relay.status().message();
    relay_ = std::move(*relay);
  }
  // Returns when the relay is done with it: it has begun the next one.
  void Send(int signal) {
    SendAndDrain(signal);
    SendAndDrain(kNext);
  }
  static void SendAndDrain(int signal) {
    ASSERT_EQ(kill(getpid(), signal), 0);
    for (int i = 0; i < 20'000 && IsPending(signal); ++i) poll(nullptr, 0, 1);
    ASSERT_FALSE(IsPending(signal));
  }
  static bool IsPending(int signal) {
    sigset_t set;
    return sigpending(&set) == 0 && sigismember(&set, signal) == 1;
  }
  void Attach() {
    relay_->Attach([this](int signal) {
      if (signal != kNext) given_.Add(signal);
    });
  }

  static constexpr int kNext = SIGWINCH;
  Given given_;
  std::unique_ptr<SignalRelay> relay_;  // goes first: its thread uses the other
};

TEST_F(SignalRelayTest, AnEndThatIsAskedForEarlyCancels) {
  Send(SIGTERM);
  EXPECT_TRUE(IsReadable(relay_->cancel_fd(), 20'000));
  EXPECT_EQ(relay_->cancelled_by(), SIGTERM);
  Attach();  // too late to cancel anything
  EXPECT_EQ(given_.Await(1), std::vector<int>{SIGTERM});
  EXPECT_EQ(relay_->cancelled_by(), 0);
}

TEST_F(SignalRelayTest, OthersAreDroppedBefore) {
  Send(SIGUSR1);
  EXPECT_FALSE(IsReadable(relay_->cancel_fd(), 0));
  Attach();
  Send(SIGUSR2);
  EXPECT_EQ(given_.Await(1), std::vector<int>{SIGUSR2});
}

TEST_F(SignalRelayTest, HeldTheyCancelNothingAndWait) {
  relay_->Hold();
  Send(SIGTERM);
  Send(SIGUSR1);
  Send(SIGTERM);
  EXPECT_FALSE(IsReadable(relay_->cancel_fd(), 0));
  EXPECT_EQ(relay_->cancelled_by(), 0);
  Attach();
  EXPECT_EQ(given_.Await(2), (std::vector<int>{SIGUSR1, SIGTERM})) << "each once, by number";
  Send(SIGTERM);
  EXPECT_EQ(given_.Await(3).back(), SIGTERM) << "and the handler has those to come";
}

TEST_F(SignalRelayTest, WhatCancelledBeforeItWasHeldComesFirst) {
  Send(SIGTERM);
  ASSERT_TRUE(IsReadable(relay_->cancel_fd(), 20'000));
  relay_->Hold();
  Send(SIGUSR1);
  Attach();
  EXPECT_EQ(given_.Await(2), (std::vector<int>{SIGTERM, SIGUSR1}));
}

TEST_F(SignalRelayTest, DetachedTheyAreDropped) {
  Attach();
  relay_->Detach();
  Send(SIGTERM);
  EXPECT_FALSE(IsReadable(relay_->cancel_fd(), 0));
  Attach();
  Send(SIGUSR1);
  EXPECT_EQ(given_.Await(1), std::vector<int>{SIGUSR1});
}

}  // namespace
}  // namespace shoji::cli

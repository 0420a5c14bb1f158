#include "shared_engine.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <atomic>
#include <thread>

#include "holder.h"
#include "test_dir.h"

namespace shoji::oneprocess {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

struct Counts {
  std::atomic<int> opened{0};
  std::atomic<int> closed{0};
};

// Holds no data: it locks like an engine, and refuses a second opener.
class FakeEngine : public Engine {
 public:
  FakeEngine(UniqueFd lock, Counts* counts) : lock_(std::move(lock)), counts_(counts) {}
  ~FakeEngine() override { ++counts_->closed; }
  Status Get(std::string_view /*key*/, const shoji_sink* sink) override {
    return sdk::Put(sink, "");
  }
  Status Write(const std::vector<sdk::StoreOp>& /*ops*/) override { return OkStatus(); }
  Status Walk(std::string_view, const std::function<bool(std::string_view)>&) override {
    return OkStatus();
  }

 private:
  UniqueFd lock_;
  Counts* counts_;
};

Result<UniqueFd> LockLikeAnEngine(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct flock lock {};
  lock.l_type = F_WRLCK;
  if (!fd || fcntl(fd.get(), F_SETLK, &lock) < 0) return Internal("a second opener");
  return fd;
}

Patience For(milliseconds span) { return {Deadline::After(span), -1, true}; }
Patience Long() { return For(seconds(60)); }

class SharedEngineTest : public DirTest {
 protected:
  std::shared_ptr<SharedEngine> At() {
    auto shared = SharedEngine::At(path(), "leveldb");
    EXPECT_TRUE(shared.ok()) << shared.status().message();
    return shared.ok() ? std::move(shared).value() : nullptr;
  }
  std::string path() const { return dir_ + "/store"; }
  EngineOpener Opener() {
    return [this](const std::string& db, bool /*create*/) -> Result<std::unique_ptr<Engine>> {
      if (counts_.opened != counts_.closed) return Internal("a second opener in this process");
      SHOJI_ASSIGN_OR_RETURN(UniqueFd lock, LockLikeAnEngine(db + "/LOCK"));
      ++counts_.opened;
      return std::unique_ptr<Engine>(new FakeEngine(std::move(lock), &counts_));
    };
  }
  Status Call(SharedEngine& shared, const Patience& patience, const Status& outcome = OkStatus()) {
    Result<Engine*> engine = shared.Enter(Access::kWrite, patience, Opener());
    if (!engine.ok()) return std::move(engine).status();
    shared.Leave(Access::kWrite, outcome);
    return OkStatus();
  }
  // Is in a call until it may end.
  template <typename Ready>
  bool HoldAndSay(const Ready& ready) {
    auto shared = At();
    if (!shared->Enter(Access::kRead, Long(), Opener()).ok()) return false;
    ready();
    shared->Leave(Access::kRead, OkStatus());
    return true;
  }

  Counts counts_;
};

TEST_F(SharedEngineTest, HandlesOfAProcessShareItAndTheLastClosesIt) {
  auto one = At();
  auto two = At();
  EXPECT_EQ(one, two);
  EXPECT_EQ(counts_.opened, 0) << "opened before it was needed";
  EXPECT_TRUE(Call(*one, Long()).ok());
  EXPECT_TRUE(Call(*two, Long()).ok());
  one.reset();
  EXPECT_EQ(counts_.closed, 0);
  two.reset();
  EXPECT_EQ(counts_.opened, 1);
  EXPECT_EQ(counts_.closed, 1);
}

TEST_F(SharedEngineTest, AnIdleHolderLetsGoWhenAskedAndComesBack) {
  Child other([&](const auto& ready) {
    auto shared = At();
    const bool first = Call(*shared, Long()).ok();
    ready();  // idle, with the engine open
    return first && Call(*shared, Long()).ok();
  });
  ASSERT_TRUE(other.WaitReady());
  auto shared = At();
  EXPECT_TRUE(Call(*shared, For(seconds(30))).ok());
  EXPECT_EQ(other.Finish(), 0);
  EXPECT_TRUE(Call(*shared, Long()).ok());
}

TEST_F(SharedEngineTest, TheHolderIsNamedWhenTheWaitIsInVain) {
  Child holder([&](const auto& ready) { return HoldAndSay(ready); });
  ASSERT_TRUE(holder.WaitReady());
  auto shared = At();
  const Status late = Call(*shared, For(milliseconds(20)));
  EXPECT_EQ(late.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(late.message(), HasSubstr("held by pid " + std::to_string(holder.pid()) + " ("));
  EXPECT_THAT(late.message(), HasSubstr("oneprocess_test"));
  EXPECT_THAT(late.message(), HasSubstr(path()));
  const Status vain = Call(*shared, {Deadline::After(milliseconds(20)), -1, false});
  EXPECT_EQ(vain.code(), StatusCode::kUnavailable);
  EXPECT_THAT(vain.message(), HasSubstr("held by pid " + std::to_string(holder.pid())));
  EXPECT_EQ(holder.Finish(), 0);
  EXPECT_TRUE(Call(*shared, Long()).ok());
}

TEST_F(SharedEngineTest, AllThreadsThatWaitEndAtTheirDeadline) {
  Child holder([&](const auto& ready) { return HoldAndSay(ready); });
  ASSERT_TRUE(holder.WaitReady());
  auto shared = At();
  const UniqueFd cancel(eventfd(1, EFD_CLOEXEC));
  std::vector<Status> outcomes(6);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    threads.emplace_back([&, i] {
      const int cancel_fd = i % 2 == 0 ? -1 : cancel.get();
      const auto span = i % 2 == 0 ? milliseconds(40) : milliseconds(60000);
      outcomes[i] = Call(*shared, {Deadline::After(span), cancel_fd, true});
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i].code(),
              i % 2 == 0 ? StatusCode::kDeadlineExceeded : StatusCode::kCancelled)
        << outcomes[i].message();
  }
}

TEST_F(SharedEngineTest, AKilledHolderIsNotWaitedFor) {
  Child holder([&](const auto& ready) { return HoldAndSay(ready); });
  ASSERT_TRUE(holder.WaitReady());
  kill(holder.pid(), SIGKILL);
  EXPECT_TRUE(Call(*At(), Long()).ok());
}

TEST_F(SharedEngineTest, ABusyHolderGivesOthersTheirTurn) {
  Child busy([&](const auto& ready) {
    auto shared = At();
    std::atomic<bool> end{false};
    bool ok = true;
    std::thread work([&] {
      while (ok && !end) ok = Call(*shared, Long()).ok();
    });
    ready();
    end = true;
    work.join();
    return ok;
  });
  ASSERT_TRUE(busy.WaitReady());
  auto shared = At();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Call(*shared, For(seconds(30))).ok());
  EXPECT_EQ(busy.Finish(), 0);
}

TEST_F(SharedEngineTest, AnotherProgramAtTheEngineIsNamed) {
  auto shared = At();
  Child other([&](const auto& ready) {  // knows nothing of turns
    const auto lock = LockLikeAnEngine(path() + "/db/LOCK");
    ready();
    return lock.ok();
  });
  ASSERT_TRUE(other.WaitReady());
  const Status status = Call(*shared, {Deadline::After(milliseconds(30)), -1, false});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("held by pid " + std::to_string(other.pid())));
  EXPECT_THAT(status.message(), HasSubstr("not Shoji"));
  EXPECT_EQ(other.Finish(), 0);
  EXPECT_TRUE(Call(*shared, Long()).ok());
}

TEST_F(SharedEngineTest, AfterAFailedWriteItIsOpenedAnewForTheNext) {
  auto shared = At();
  EXPECT_TRUE(Call(*shared, Long(), ResourceExhausted("disk full")).ok());
  ASSERT_TRUE(shared->Enter(Access::kRead, Long(), Opener()).ok()) << "reading goes on";
  shared->Leave(Access::kRead, OkStatus());
  EXPECT_EQ(counts_.opened, 1);
  EXPECT_TRUE(Call(*shared, Long()).ok());
  EXPECT_EQ(counts_.opened, 2);
  EXPECT_TRUE(Call(*shared, Long()).ok());
  EXPECT_EQ(counts_.opened, 2);
}

// Reads come in without the mutex.
TEST_F(SharedEngineTest, NoReaderIsInAnEngineThatIsClosed) {
  constexpr int kTimes = 50;
  auto shared = At();
  ASSERT_TRUE(Call(*shared, Long()).ok());
  std::atomic<bool> ended = false;
  const auto read = [&] {
    while (!ended) {
      Result<Engine*> engine = shared->Enter(Access::kRead, Long(), Opener());
      ASSERT_TRUE(engine.ok()) << engine.status().message();
      ASSERT_EQ(counts_.opened - counts_.closed, 1);
      ASSERT_TRUE((*engine)->Write({}).ok());
      ASSERT_EQ(counts_.opened - counts_.closed, 1);
      shared->Leave(Access::kRead, OkStatus());
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(read);
  for (int i = 0; i < kTimes; ++i) EXPECT_TRUE(Call(*shared, Long(), Internal("broken")).ok());
  ended = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(counts_.opened, kTimes);
}

TEST_F(SharedEngineTest, AnOpenerThatFailsOrThrowsLeavesNothingHeld) {
  auto shared = At();
  const EngineOpener fails = [](const std::string&, bool) { return DataLoss("torn"); };
  EXPECT_EQ(shared->Enter(Access::kRead, Long(), fails).status().code(), StatusCode::kDataLoss);
  const EngineOpener throws = [](const std::string&, bool) -> Result<std::unique_ptr<Engine>> {
    throw std::bad_alloc();
  };
  EXPECT_EQ(shared->Enter(Access::kRead, Long(), throws).status().code(),
            StatusCode::kResourceExhausted);
  Child other([&](const auto& ready) {
    const bool ok = HoldAndSay([] {});
    ready();
    return ok;
  });
  EXPECT_TRUE(other.WaitReady());
  EXPECT_EQ(other.Finish(), 0);
}

TEST_F(SharedEngineTest, ADatabaseThatWasThereIsNotMadeAgain) {
  std::vector<bool> created;
  const EngineOpener opener = [&](const std::string& db, bool create) {
    created.push_back(create);
    return Opener()(db, create);
  };
  for (int i = 0; i < 2; ++i) {
    auto shared = At();
    ASSERT_TRUE(shared->Enter(Access::kRead, Long(), opener).ok());
    shared->Leave(Access::kRead, OkStatus());
  }
  EXPECT_EQ(created, (std::vector<bool>{true, false}));
}

TEST_F(SharedEngineTest, AChildAfterForkUsesAHandleOfItsOwn) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer lets no child of fork() start threads";
#endif
  auto shared = At();
  ASSERT_TRUE(Call(*shared, Long()).ok());
  Child child([&](const auto& ready) {
    const Status status = Call(*shared, Long());
    if (status.code() != StatusCode::kFailedPrecondition) return false;
    counts_.closed = counts_.opened.load();    // the parent's
    const bool ok = Call(*At(), Long()).ok();  // asks the parent, which is idle
    ready();
    return ok;
  });
  EXPECT_TRUE(child.WaitReady());
  EXPECT_EQ(child.Finish(), 0);
  EXPECT_TRUE(Call(*shared, Long()).ok());
}

TEST(HolderTest, NobodyHoldsAFileThatIsFreeOrMissing) {
  EXPECT_EQ(HolderOf("/nonexistent/LOCK"), "");
  EXPECT_EQ(HolderOf("/proc/self/exe"), "");
  EXPECT_THAT(DescribeProcess(getpid()), HasSubstr("(oneprocess_test"));
}

}  // namespace
}  // namespace shoji::oneprocess

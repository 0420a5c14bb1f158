// Every call of every interface to a guest that is gone, silent, slow or not there.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "agent_fixture.h"
#include "shoji-kata/health.pb.h"

namespace shoji::agent_kata {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

template <typename T>
Status Of(const Result<T>& result) {
  return result.ok() ? OkStatus() : result.status();
}

struct Slot {
  const char* name;
  std::function<Status(KataAgent&, const shoji_call*)> run;
};

const sdk::ProcessRef kProcess{"c", "p"};

std::int32_t Swallow(void*, const void*, std::uint64_t) { return SHOJI_OK; }
const shoji_sink kSink{sizeof kSink, 0, nullptr, Swallow};

shoji_container_request ContainerRequest() {
  shoji_container_request request{};
  request.struct_size = sizeof request;
  request.spec_json = sdk::ToStr(
      R"({"ociVersion":"1.0.2","process":{"args":["sh"],"cwd":"/"},"root":{"path":"r"}})");
  return request;
}
shoji_exec_request ExecRequest() {
  shoji_exec_request request{};
  request.struct_size = sizeof request;
  request.process_json = sdk::ToStr(R"({"args":["sh"],"cwd":"/"})");
  return request;
}
shoji_copy_request CopyRequest() {
  shoji_copy_request request{};
  request.struct_size = sizeof request;
  request.path = sdk::ToStr("/run/f");
  return request;
}

using Agent = KataAgent;
using Call = const shoji_call*;

const std::vector<Slot> kRequired = {
    {"Check", [](Agent& a, Call c) { return a.Check(c); }},
    {"GuestDetails", [](Agent& a, Call c) { return Of(a.GuestDetails(c)); }},
    {"CreateSandbox", [](Agent& a, Call c) { return a.CreateSandbox(c, shoji_sandbox_request{}); }},
    {"DestroySandbox", [](Agent& a, Call c) { return a.DestroySandbox(c); }},
    {"CreateContainer", [](Agent& a, Call c) { return a.CreateContainer(c, ContainerRequest()); }},
    {"StartContainer", [](Agent& a, Call c) { return a.StartContainer(c, "c"); }},
    {"RemoveContainer", [](Agent& a, Call c) { return a.RemoveContainer(c, "c", 0); }},
    {"ExecProcess", [](Agent& a, Call c) { return a.ExecProcess(c, ExecRequest()); }},
    {"SignalProcess", [](Agent& a, Call c) { return a.SignalProcess(c, kProcess, 9); }},
    {"WaitProcess", [](Agent& a, Call c) { return Of(a.WaitProcess(c, kProcess)); }},
    {"WriteStdin", [](Agent& a, Call c) { return Of(a.WriteStdin(c, kProcess, "x")); }},
    {"CloseStdin", [](Agent& a, Call c) { return a.CloseStdin(c, kProcess); }},
    {"ReadStdout", [](Agent& a, Call c) { return a.ReadStdout(c, kProcess, 1, &kSink); }},
    {"ReadStderr", [](Agent& a, Call c) { return a.ReadStderr(c, kProcess, 1, &kSink); }},
    {"TtyWinResize", [](Agent& a, Call c) { return a.TtyWinResize(c, kProcess, 1, 1); }},
    {"ReseedRandom", [](Agent& a, Call c) { return a.ReseedRandom(c, "x"); }},
    {"SetTime", [](Agent& a, Call c) { return a.SetTime(c, 1, 1); }}};

const std::vector<Slot> kOptional = {
    {"Pause", [](Agent& a, Call c) { return a.Pause(c, "c"); }},
    {"Resume", [](Agent& a, Call c) { return a.Resume(c, "c"); }},
    {"Stats", [](Agent& a, Call c) { return Of(a.Stats(c, "c")); }},
    {"ListProcesses", [](Agent& a, Call c) { return Of(a.ListProcesses(c, "c", "json", {})); }},
    {"Update", [](Agent& a, Call c) { return a.Update(c, "c", "{}"); }},
    {"UpdateInterface",
     [](Agent& a, Call c) { return Of(a.UpdateInterface(c, R"({"hwAddr":"x"})")); }},
    {"UpdateRoutes", [](Agent& a, Call c) { return a.UpdateRoutes(c, "[]").status; }},
    {"ListInterfaces", [](Agent& a, Call c) { return Of(a.ListInterfaces(c)); }},
    {"ListRoutes", [](Agent& a, Call c) { return Of(a.ListRoutes(c)); }},
    {"AddNeighbors", [](Agent& a, Call c) { return a.AddNeighbors(c, "[]"); }},
    {"Online", [](Agent& a, Call c) { return a.Online(c, 1, 0); }},
    {"ProbeMemory", [](Agent& a, Call c) { return a.ProbeMemory(c, {1}); }},
    {"Copy", [](Agent& a, Call c) { return a.Copy(c, CopyRequest()); }},
    {"NextOom", [](Agent& a, Call c) { return Of(a.NextOom(c)); }}};

std::vector<Slot> AllSlots() {
  std::vector<Slot> all = kRequired;
  all.insert(all.end(), kOptional.begin(), kOptional.end());
  return all;
}

class DeadGuestTest : public AgentTest {
 protected:
  // Runs every slot on a thread of its own, then `then`; every one ends with `code` within a
  // second from there (or from the deadline). Check() is patient with a guest that boots, so it
  // is left out where that shows.
  void All(const shoji_call* call, StatusCode code, bool with_check,
           const std::function<void()>& then) {
    std::vector<Slot> slots = AllSlots();
    if (!with_check) slots.erase(slots.begin());
    std::vector<std::thread> threads;
    std::vector<Status> ends(slots.size());
    std::vector<std::int64_t> times(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
      threads.emplace_back([&, i] {
        ends[i] = slots[i].run(*agent_, call);
        times[i] = Deadline::NowNanos();
      });
    }
    // With a deadline some may have ended before the last has begun.
    if (code != StatusCode::kDeadlineExceeded) {
      guest_->AwaitBlocked(static_cast<int>(slots.size()));
    }
    const std::int64_t begin = Deadline::NowNanos();
    then();
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < slots.size(); ++i) {
      EXPECT_EQ(ends[i].code(), code) << slots[i].name << ": " << ends[i].message();
      const std::int64_t from = call == nullptr ? begin : std::max(begin, call->deadline_ns);
      EXPECT_LT(times[i] - (code == StatusCode::kDeadlineExceeded ? from : begin), 1'000'000'000)
          << slots[i].name;
    }
  }
};

TEST_F(DeadGuestTest, KilledWhileCallsAreUnderWay) {
  All(nullptr, StatusCode::kUnavailable, false, [this] { guest_->Die(); });
}

TEST_F(DeadGuestTest, StoppedEndsAtTheDeadline) {
  const shoji_call call = Within(milliseconds(300));
  All(&call, StatusCode::kDeadlineExceeded, true, [] {});
}

TEST_F(DeadGuestTest, CallsAreCancelled) {
  const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
  shoji_call call = Within(seconds(60), cancel.get());
  call.deadline_ns = 0;
  All(&call, StatusCode::kCancelled, true, [&] { eventfd_write(cancel.get(), 1); });
}

TEST_F(DeadGuestTest, SilentWithoutADeadlineIsAskedAndGivenUp) {
  Reopen({milliseconds(50), milliseconds(100)});
  std::vector<std::thread> threads;
  for (const Slot& slot : AllSlots()) {
    if (std::string(slot.name) == "Check") continue;  // begins anew
    threads.emplace_back([this, slot] {
      const Status status = slot.run(*agent_, nullptr);
      EXPECT_EQ(status.code(), StatusCode::kUnavailable) << slot.name << status.message();
      EXPECT_NE(status.message().find("the guest has not answered for"), std::string_view::npos)
          << status.message();
    });
  }
  for (std::thread& thread : threads) thread.join();
  // It woke up: the next call has a new connection.
  guest_->Answer("Health/Check", &nothing_, grpc::HealthCheckResponse());
  guest_->Answer("AgentService/StartContainer", &nothing_, nothing_);
  EXPECT_TRUE(agent_->StartContainer(nullptr, "c").ok());
  EXPECT_EQ(connects_, 2);
}

// A VM that is held for longer than any patience, and which nobody wakes for the test: it answers
// nothing. Its calls wait on as long as the host says that it is held, and not longer.
TEST_F(DeadGuestTest, PausedIsNotDeadHoweverLong) {
  Reopen({milliseconds(10), milliseconds(30)});
  struct Host {
    std::atomic<bool> paused = false;
    std::atomic<int> asked = 0;
  } host;
  shoji_silence silence{};
  silence.struct_size = sizeof silence;
  silence.ctx = &host;
  silence.paused = [](void* ctx) -> std::int32_t {
    auto* const self = static_cast<Host*>(ctx);
    ++self->asked;
    self->asked.notify_all();
    return self->paused ? 1 : 0;
  };
  host.paused = true;
  ASSERT_TRUE(agent_->ExcuseSilence(silence).ok());
  std::atomic<bool> ended = false;
  std::thread waiter([&] {
    const Status status = agent_->WaitProcess(nullptr, process_).status();
    ended = true;
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status.message();
  });
  // Twenty times a question's limit and more.
  for (int seen = 0; seen < 60; seen = host.asked) host.asked.wait(seen);
  EXPECT_FALSE(ended);
  EXPECT_EQ(connects_, 1);
  host.paused = false;
  waiter.join();
}

// Held after it was asked, and let go before the answer is due: the question does not count.
TEST_F(DeadGuestTest, QuestionDuringWhichItWasHeldDoesNotCount) {
  Reopen({milliseconds(10), milliseconds(200)});
  struct Host {
    std::atomic<int> looks = 0;
    std::atomic<int> questions = 0;
  } host;
  guest_->On("Health/Check", [&](const std::string&, std::string* out) {
    // The first is asked of a guest that is held; it is never answered in time.
    if (++host.questions == 1) std::this_thread::sleep_for(milliseconds(400));
    host.questions.notify_all();
    *out = grpc::HealthCheckResponse().SerializeAsString();
    return grpc::Status::OK;
  });
  shoji_silence silence{};
  silence.struct_size = sizeof silence;
  silence.ctx = &host;
  // Not held when it is asked, then held once, then not held any more.
  silence.paused = [](void* ctx) -> std::int32_t {
    return ++static_cast<Host*>(ctx)->looks == 2 ? 1 : 0;
  };
  ASSERT_TRUE(agent_->ExcuseSilence(silence).ok());
  const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
  shoji_call call = Within(seconds(60), cancel.get());
  std::thread waiter([&] {
    EXPECT_EQ(agent_->WaitProcess(&call, process_).status().code(), StatusCode::kCancelled);
  });
  for (int seen = 0; seen < 3; seen = host.questions) host.questions.wait(seen);
  eventfd_write(cancel.get(), 1);
  waiter.join();
  EXPECT_EQ(connects_, 1);
}

TEST_F(DeadGuestTest, SlowIsNotDead) {
  Reopen({milliseconds(20), seconds(20)});
  std::atomic<int> asked = 0;
  guest_->On("Health/Check", [&](const std::string&, std::string* out) {
    ++asked;
    asked.notify_all();
    grpc::HealthCheckResponse serving;
    serving.set_status(grpc::HealthCheckResponse::SERVING);
    *out = serving.SerializeAsString();
    return grpc::Status::OK;
  });
  const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
  shoji_call call = Within(seconds(60), cancel.get());
  std::thread waiter([&] {
    EXPECT_EQ(agent_->WaitProcess(&call, process_).status().code(), StatusCode::kCancelled);
  });
  for (int seen = 0; seen < 3; seen = asked) asked.wait(seen);
  eventfd_write(cancel.get(), 1);
  waiter.join();
  EXPECT_EQ(connects_, 1);
}

TEST_F(DeadGuestTest, OneThatKnowsNoHealthLives) {
  Reopen({milliseconds(20), seconds(20)});
  std::atomic<int> asked = 0;
  guest_->On("Health/Check", [&](const std::string&, std::string*) {
    ++asked;
    asked.notify_all();
    return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "unknown service");
  });
  const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
  shoji_call call = Within(seconds(60), cancel.get());
  std::thread waiter([&] {
    EXPECT_EQ(agent_->WaitProcess(&call, process_).status().code(), StatusCode::kCancelled);
  });
  for (int seen = 0; seen < 2; seen = asked) asked.wait(seen);
  eventfd_write(cancel.get(), 1);
  waiter.join();
}

TEST_F(DeadGuestTest, NobodyToConnectTo) {
  guest_.reset();
  for (const Slot& slot : AllSlots()) {
    const std::int64_t begin = Deadline::NowNanos();
    const Status status = slot.run(*agent_, nullptr);
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << slot.name;
    EXPECT_NE(status.message().find("its VM or proxy is gone"), std::string_view::npos);
    EXPECT_LT(Deadline::NowNanos() - begin, 1'000'000'000) << slot.name;
  }
  guest_ = std::make_unique<FakeAgent>();
  guest_->Answer("AgentService/StartContainer", &nothing_, nothing_);
  EXPECT_TRUE(agent_->StartContainer(nullptr, "c").ok()) << "it is back";
}

TEST_F(DeadGuestTest, NoCallIsLostWhenTheProxyBeganAnewBetweenTwo) {
  for (int i = 0; i < 3; ++i) {
    guest_->Answer("AgentService/StartContainer", &nothing_, nothing_);
    const Status status = agent_->StartContainer(nullptr, "c");
    EXPECT_TRUE(status.ok()) << status.message();
    guest_ = std::make_unique<FakeAgent>();
  }
  EXPECT_EQ(connects_, 3);
}

// Ends of connections that no gRPC speaks on.
class BrokenWireTest : public ::testing::Test {
 protected:
  BrokenWireTest() {
    shoji_connector connector{};
    connector.struct_size = sizeof connector;
    connector.ctx = this;
    connector.connect = [](void* self, const shoji_call*, std::int32_t* fd, shoji_error*) {
      return static_cast<BrokenWireTest*>(self)->Connect(fd);
    };
    agent_ = std::make_unique<KataAgent>(sdk::Connector(connector),
                                         Patience{milliseconds(50), milliseconds(100)});
  }
  std::int32_t Connect(std::int32_t* fd) {
    auto ends = std::move(*SocketPair());
    (void)!write(ends.first.get(), says_.data(), says_.size());
    if (!closes_) kept_.push_back(std::move(ends.first));
    *fd = ends.second.release();
    return SHOJI_OK;
  }

  std::string says_;
  bool closes_ = false;
  std::vector<UniqueFd> kept_;
  std::unique_ptr<KataAgent> agent_;
};

TEST_F(BrokenWireTest, NothingEverComes) {
  for (const Slot& slot : AllSlots()) {
    if (std::string(slot.name) == "Check") continue;
    shoji_call call{};
    call.struct_size = sizeof call;
    call.cancel_fd = -1;
    call.deadline_ns = Deadline::After(milliseconds(20)).nanos();
    EXPECT_EQ(slot.run(*agent_, &call).code(), StatusCode::kDeadlineExceeded) << slot.name;
    EXPECT_LT(Deadline::NowNanos() - call.deadline_ns, 1'000'000'000) << slot.name;
  }
  EXPECT_EQ(agent_->StartContainer(nullptr, "c").code(), StatusCode::kUnavailable);
}

TEST_F(BrokenWireTest, GarbageOrAnEarlyEnd) {
  for (const bool closes : {false, true}) {
    for (const char* says : {"", "HTTP/1.1 400 Bad Request\r\n\r\n", "\xff\xff\xff\xff\xff\xff"}) {
      says_ = says;
      closes_ = closes;
      if (!closes && says_.empty()) continue;
      for (const Slot& slot : kOptional) {
        const std::int64_t begin = Deadline::NowNanos();
        const Status status = slot.run(*agent_, nullptr);
        // gRPC tells HTTP/1 apart: trying again would not help.
        const bool other = says_.starts_with("HTTP/1") && status.code() == StatusCode::kInternal;
        EXPECT_TRUE(other || status.code() == StatusCode::kUnavailable)
            << slot.name << ": " << status.message();
        EXPECT_LT(Deadline::NowNanos() - begin, 1'000'000'000) << slot.name;
      }
    }
  }
}

// A connect that hangs: those who wait for it keep their own limits.
TEST(HangingConnect, OtherCallsKeepTheirLimits) {
  struct Hang {
    UniqueFd go{eventfd(0, EFD_CLOEXEC)};
    UniqueFd entered{eventfd(0, EFD_CLOEXEC)};
  } hang;
  shoji_connector connector{};
  connector.struct_size = sizeof connector;
  connector.ctx = &hang;
  connector.connect = [](void* self, const shoji_call*, std::int32_t*, shoji_error*) {
    eventfd_t value = 0;
    eventfd_write(static_cast<Hang*>(self)->entered.get(), 1);
    eventfd_read(static_cast<Hang*>(self)->go.get(), &value);
    return SHOJI_UNAVAILABLE;
  };
  KataAgent agent{sdk::Connector(connector)};
  std::thread first(
      [&] { EXPECT_EQ(agent.StartContainer(nullptr, "c").code(), StatusCode::kUnavailable); });
  eventfd_t value = 0;
  eventfd_read(hang.entered.get(), &value);
  shoji_call call{};
  call.struct_size = sizeof call;
  call.cancel_fd = -1;
  call.deadline_ns = Deadline::After(milliseconds(100)).nanos();
  EXPECT_EQ(agent.StartContainer(&call, "c").code(), StatusCode::kDeadlineExceeded);
  const UniqueFd cancel(eventfd(1, EFD_CLOEXEC));
  call.deadline_ns = 0;
  call.cancel_fd = cancel.get();
  EXPECT_EQ(agent.StartContainer(&call, "c").code(), StatusCode::kCancelled);
  eventfd_write(hang.go.get(), 1);
  first.join();
}

}  // namespace
}  // namespace shoji::agent_kata

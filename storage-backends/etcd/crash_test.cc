// etcd itself killed in a stream of saves: what it had acknowledged is there afterwards.
#include <condition_variable>
#include <thread>

#include "shoji/base/strings.h"
#include "testing/fixture.h"

namespace shoji::etcd {
namespace {

constexpr int kWriters = 3;
constexpr int kKills = 8;
constexpr int kSavesBetween = 25;

// Every third one goes in pieces.
std::string ValueOf(int number) {
  return std::to_string(number) + ":" +
         Filled(number % 3 == 0 ? 100000 : 3000, static_cast<unsigned>(number));
}

int NumberOf(const std::string& value) {
  const auto number = ParseInt(value.substr(0, value.find(':')));
  if (!number.ok() || value != ValueOf(static_cast<int>(*number))) return -1;
  return static_cast<int>(*number);
}

// What the writers and the killer share.
class Stream {
 public:
  void Acknowledge(int writer, int number) {
    const MutexLock lock(mutex_);
    acknowledged_[writer] = number;
    ++saves_;
    changed_.notify_all();
  }
  void WaitForSaves(int count) {
    const MutexLock lock(mutex_);
    for (const int until = saves_ + count; saves_ < until && failed_ == 0;) changed_.wait(mutex_);
  }
  int Acknowledged(int writer) {
    const MutexLock lock(mutex_);
    return acknowledged_[writer];
  }
  int Starts() {
    const MutexLock lock(mutex_);
    return starts_;
  }
  void Started() {
    const MutexLock lock(mutex_);
    ++starts_;
    changed_.notify_all();
  }
  // Until the server has been started once more than `starts` times, or the end.
  void WaitForStart(int starts) {
    const MutexLock lock(mutex_);
    while (starts_ == starts && !ended_) changed_.wait(mutex_);
  }
  void End() {
    const MutexLock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  void Fail() {
    const MutexLock lock(mutex_);
    ++failed_;
    changed_.notify_all();
  }
  bool ended() {
    const MutexLock lock(mutex_);
    return ended_;
  }

 private:
  Mutex mutex_;
  std::condition_variable_any changed_;
  int acknowledged_[kWriters] SHOJI_GUARDED_BY(mutex_) = {};
  int saves_ SHOJI_GUARDED_BY(mutex_) = 0;
  int starts_ SHOJI_GUARDED_BY(mutex_) = 1;
  int failed_ SHOJI_GUARDED_BY(mutex_) = 0;
  bool ended_ SHOJI_GUARDED_BY(mutex_) = false;
};

std::string KeyOf(int writer) { return "stream/" + std::to_string(writer); }

void Write(EtcdStore* store, int writer, Stream* stream) {
  for (int number = 1; !stream->ended();) {
    const int starts = stream->Starts();
    const Status status = store->Save(nullptr, KeyOf(writer), ValueOf(number));
    if (status.ok()) {
      stream->Acknowledge(writer, number++);
    } else if (status.code() == StatusCode::kUnavailable) {
      stream->WaitForStart(starts);
    } else {
      ADD_FAILURE() << status.message();
      stream->Fail();
      return;
    }
  }
}

class CrashTest : public ServerTest {};

TEST_F(CrashTest, AKilledServerLosesNoAcknowledgedSave) {
  Settings settings = Chosen();
  settings.max_request_bytes = 64U << 10U;
  Stream stream;
  auto store = OpenWith(settings);
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) writers.emplace_back(Write, store.get(), i, &stream);
  for (int kill = 0; kill < kKills; ++kill) {
    stream.WaitForSaves(kSavesBetween + kill % 3);
    Server().Kill();
    int before[kWriters];
    for (int i = 0; i < kWriters; ++i) before[i] = stream.Acknowledged(i);
    const Status started = Server().Start({});
    if (!started.ok()) ADD_FAILURE() << started.message();
    // A handle of its own, before the writers may go on.
    auto reader = OpenWith(settings);
    for (int i = 0; i < kWriters && reader != nullptr; ++i) {
      const auto value = reader->Load(nullptr, KeyOf(i));
      if (before[i] == 0 && !value.ok()) continue;
      EXPECT_TRUE(value.ok()) << value.status().message();
      if (value.ok()) {
        EXPECT_GE(NumberOf(*value), before[i]) << "a save that had returned is lost";
      }
    }
    stream.Started();
    if (HasFailure()) break;
  }
  stream.End();
  for (std::thread& writer : writers) writer.join();
  for (int i = 0; i < kWriters; ++i) {
    const auto value = store->Load(nullptr, KeyOf(i));
    ASSERT_TRUE(value.ok()) << value.status().message();
    EXPECT_GE(NumberOf(*value), stream.Acknowledged(i));
  }
  EXPECT_EQ(store->Scan(nullptr, "").value().size(), std::size_t{kWriters});
}

}  // namespace
}  // namespace shoji::etcd

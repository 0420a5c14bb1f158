#include "crash.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <random>

#include "place.h"
#include "register.h"
#include "shoji/base/file.h"

namespace shoji::store_testing {
namespace {

using State = std::map<std::string, std::string>;
using Number = std::uint64_t;

// Of many sizes; a torn one differs from every whole one.
std::string ValueOf(Number number) {
  const std::size_t size = number % 11 == 0 ? 300'000 : number * 2654435761U % 20'000;
  std::string value = std::to_string(number) + ":";
  value.append(size, static_cast<char>('a' + number % 26));
  return value;
}

// The changes of one step. More than one: a transaction.
std::vector<SetOrRemove> StepOf(Number number, bool can_apply) {
  const std::string value = ValueOf(number);
  const std::string single = "s/" + std::to_string(number / 5 % 4);
  if (number % 5 == 2 && number % 3 != 0) return {{true, single, ""}};
  if (number % 2 == 0 || !can_apply) return {{false, single, value}};
  const std::string here = "odd/" + std::to_string(number / 2 % 2);
  const std::string gone = "odd/" + std::to_string(number / 2 % 2 == 0 ? 1 : 0);
  return {{false, "t/a", value}, {false, "t/b/c", value}, {false, here, value}, {true, gone, ""}};
}

void Change(State* state, const std::vector<SetOrRemove>& step) {
  for (const SetOrRemove& change : step) {
    if (change.remove) {
      state->erase(change.key);
    } else {
      (*state)[change.key] = change.value;
    }
  }
}

Status CarryOut(OpenStore& store, const std::vector<SetOrRemove>& step) {
  if (step.size() > 1) return store.Apply(step);
  return step[0].remove ? store.Remove(step[0].key) : store.Save(step[0].key, step[0].value);
}

// The role: args are the directory and the first number. Works until it is killed.
std::string Write(const Subject& subject, const std::vector<std::string>& args) {
  Plugin plugin(subject, args[0]);
  OpenStore store(plugin);
  if (!store.ok()) return "!open: " + store.open_status().message();
  for (Number number = std::stoull(args[1]);; ++number) {
    const Status status = CarryOut(store, StepOf(number, store.CanApply()));
    if (!status.ok()) return "!step " + std::to_string(number) + ": " + status.message();
    if (write(STDOUT_FILENO, "x", 1) != 1) return "!cannot tell";
  }
}

std::string Short(const State& state) {
  std::string out;
  for (const auto& [key, value] : state) {
    out += key + "=" + value.substr(0, value.find(':')) + "(" + std::to_string(value.size()) + ") ";
  }
  return out;
}

// Everything in the store, by load(), held against scan().
State ReadAllOf(OpenStore& store) {
  State state;
  for (const char* key : {"s/0", "s/1", "s/2", "s/3", "t/a", "t/b/c", "odd/0", "odd/1"}) {
    const auto value = store.Load(key);
    if (value.ok()) state[key] = *value;
    EXPECT_TRUE(value.ok() || value.status().code() == StatusCode::kNotFound)
        << key << ": " << value.status().message();
  }
  if (!store.CanScan()) return state;
  const auto keys = store.Scan("");
  EXPECT_TRUE(keys.ok()) << keys.status().message();
  std::vector<std::string> loaded;
  for (const auto& entry : state) loaded.push_back(entry.first);
  EXPECT_TRUE(!keys.ok() || *keys == loaded) << "scan() and load() differ";
  return state;
}

std::int64_t NowNanos() { return Deadline::NowNanos(); }

// One writer after the other, on one store.
class Killer {
 public:
  Killer(const Subject& subject, std::uint64_t seed) : plugin_(subject, dir_.path()) {
    random_.seed(seed);
    const OpenStore store(plugin_);
    EXPECT_TRUE(store.ok()) << store.open_status().message();
    can_apply_ = store.ok() && store.CanApply();
  }

  void Round() {
    RunningRole writer = StartRole("crash-writer", {dir_.path(), std::to_string(next_)});
    const std::string told = KillSomewhere(&writer);
    ASSERT_EQ(told.find('!'), std::string::npos) << "the writer failed: " << told;
    Verify(told.size());
  }

 private:
  // Waits for some steps, then for a part of the time that a step takes; so that the moment
  // falls anywhere in a step on slow disks and fast ones.
  std::string KillSomewhere(RunningRole* writer) {
    std::string told;
    const auto steps = random_() % 6;
    std::int64_t last = NowNanos();
    char byte = 0;
    for (std::uint64_t i = 0; i < steps && read(writer->out.get(), &byte, 1) == 1; ++i) {
      told += byte;
      const std::int64_t now = NowNanos();
      std::int64_t& usual = i == 0 ? first_ns_ : step_ns_;
      usual = (usual * 7 + (now - last)) / 8;
      last = now;
    }
    const std::int64_t usual = steps == 0 ? first_ns_ : step_ns_;
    const auto pause = static_cast<std::int64_t>(random_() % 1500) * usual / 1000;
    const timespec time = {pause / 1'000'000'000, pause % 1'000'000'000};
    nanosleep(&time, nullptr);
    kill(writer->child.pid(), SIGKILL);
    EXPECT_TRUE(writer->child.Wait(Deadline::After(std::chrono::seconds(30))).ok());
    const auto rest = ReadAll(writer->out.get());
    return told + (rest.ok() ? *rest : "!" + rest.status().message());
  }

  void Verify(std::size_t returned) {
    for (std::size_t i = 0; i < returned; ++i) Change(&state_, StepOf(next_++, can_apply_));
    State after = state_;
    Change(&after, StepOf(next_++, can_apply_));
    OpenStore store(plugin_);
    ASSERT_TRUE(store.ok()) << store.open_status().message();
    const State found = ReadAllOf(store);
    ASSERT_TRUE(found == state_ || found == after)
        << "after " << returned << " steps had returned\n  found    " << Short(found)
        << "\n  expected " << Short(state_) << "\n  or       " << Short(after);
    state_ = found;
  }

  TempDir dir_;
  Plugin plugin_;
  bool can_apply_ = false;
  std::mt19937_64 random_;
  State state_;
  Number next_ = 1;
  std::int64_t first_ns_ = 10'000'000;
  std::int64_t step_ns_ = 2'000'000;
};

void KillTheWriter(const Subject& subject) {
  const char* chosen = std::getenv("STORE_CRASH_SEED");
  const std::uint64_t seed = chosen != nullptr ? std::stoull(chosen) : std::random_device()();
  std::printf("STORE_CRASH_SEED=%llu\n", static_cast<unsigned long long>(seed));
  Killer killer(subject, seed);
  for (int round = 0; round < subject.kills; ++round) {
    killer.Round();
    ASSERT_FALSE(testing::Test::HasFailure()) << "kill " << round << ", seed " << seed;
  }
}

}  // namespace

void RegisterCrashTests(const Subject& subject) {
  if (!subject.crash_tests) return;
  Register("Crash", "NothingTornLostOrHalf", [&subject] { KillTheWriter(subject); });
}

void AddCrashRoles(std::map<std::string, Role>* roles) { (*roles)["crash-writer"] = Write; }

}  // namespace shoji::store_testing

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

// The changes of one step, to keys below `root`. More than one: a transaction.
std::vector<SetOrRemove> StepOf(const std::string& root, Number number, bool can_apply) {
  const std::string value = ValueOf(number);
  const std::string single = root + "s/" + std::to_string(number / 5 % 4);
  if (number % 5 == 2 && number % 3 != 0) return {{true, single, ""}};
  if (number % 2 == 0 || !can_apply) return {{false, single, value}};
  const std::string here = root + "odd/" + std::to_string(number / 2 % 2);
  const std::string gone = root + "odd/" + std::to_string(number / 2 % 2 == 0 ? 1 : 0);
  return {{false, root + "t/a", value},
          {false, root + "t/b/c", value},
          {false, here, value},
          {true, gone, ""}};
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

// The role: args are the directory, the root of its keys and the first number. Works until it
// is killed.
std::string Write(const Subject& subject, const std::vector<std::string>& args) {
  Plugin plugin(subject, args[0]);
  OpenStore store(plugin);
  if (!store.ok()) return "!open: " + store.open_status().message();
  for (Number number = std::stoull(args[2]);; ++number) {
    const Status status = CarryOut(store, StepOf(args[1], number, store.CanApply()));
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

// Everything below `root`, by load(), held against scan().
State ReadAllOf(OpenStore& store, const std::string& root) {
  State state;
  for (const char* rest : {"s/0", "s/1", "s/2", "s/3", "t/a", "t/b/c", "odd/0", "odd/1"}) {
    const auto value = store.Load(root + rest);
    if (value.ok()) state[root + rest] = *value;
    EXPECT_TRUE(value.ok() || value.status().code() == StatusCode::kNotFound)
        << root << rest << ": " << value.status().message();
  }
  if (!store.CanScan()) return state;
  const auto keys = store.Scan(root);
  EXPECT_TRUE(keys.ok()) << keys.status().message();
  std::vector<std::string> loaded;
  for (const auto& entry : state) loaded.push_back(entry.first);
  EXPECT_TRUE(!keys.ok() || *keys == loaded) << "scan() and load() differ";
  return state;
}

// Writers that work at one store, of which one after the other is killed.
class Killer {
 public:
  Killer(const Subject& subject, std::uint64_t seed, int writers)
      : plugin_(subject, dir_.path()), random_(seed) {
    const OpenStore store(plugin_);
    EXPECT_TRUE(store.ok()) << store.open_status().message();
    can_apply_ = store.ok() && store.CanApply();
    for (int i = 0; i < writers; ++i) {
      writers_.emplace_back();
      if (writers > 1) writers_.back().root = "w" + std::to_string(i) + "/";
    }
  }
  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;
  ~Killer() {
    for (Writer& writer : writers_) Stop(&writer);
  }

  // Lets all work, and kills one.
  void Round() {
    for (Writer& writer : writers_) Start(&writer);
    Writer& writer = writers_[random_() % writers_.size()];
    KillSomewhere(&writer);
    Verify(&writer);
  }

  Number returned() const { return returned_; }

  // Kills those that are left. What they told must be there as well.
  void Finish() {
    for (Writer& writer : writers_) {
      if (!writer.runs) continue;
      Stop(&writer);
      Verify(&writer);
    }
  }

 private:
  struct Writer {
    std::string root;
    Number next = 1;
    State state;
    bool runs = false;
    RunningRole role;
    std::string told;  // a byte for each step that returned; '!' and words when it failed
  };

  void Start(Writer* writer) {
    if (writer->runs) return;
    writer->role =
        StartRole("crash-writer", {dir_.path(), writer->root, std::to_string(writer->next)});
    writer->told.clear();
    writer->runs = true;
  }

  void Stop(Writer* writer) {
    if (!writer->runs) return;
    kill(writer->role.child.pid(), SIGKILL);
    EXPECT_TRUE(writer->role.child.Wait(Deadline::After(std::chrono::seconds(30))).ok());
    const auto rest = ReadAll(writer->role.out.get());
    writer->told += rest.ok() ? *rest : "!" + rest.status().message();
    writer->runs = false;
  }

  // Waits for some steps, then for a part of the time that a step takes; so that the moment
  // falls anywhere in a step on slow disks and fast ones.
  void KillSomewhere(Writer* writer) {
    const auto steps = random_() % 6;
    std::int64_t last = Deadline::NowNanos();
    char byte = 0;
    for (std::uint64_t i = 0; i < steps && read(writer->role.out.get(), &byte, 1) == 1; ++i) {
      writer->told += byte;
      const std::int64_t now = Deadline::NowNanos();
      std::int64_t& usual = i == 0 ? first_ns_ : step_ns_;
      usual = (usual * 7 + (now - last)) / 8;
      last = now;
    }
    const std::int64_t usual = steps == 0 ? first_ns_ : step_ns_;
    const auto pause = static_cast<std::int64_t>(random_() % 1500) * usual / 1000;
    const timespec time = {pause / 1'000'000'000, pause % 1'000'000'000};
    nanosleep(&time, nullptr);
    Stop(writer);
  }

  void Verify(Writer* writer) {
    ASSERT_EQ(writer->told.find('!'), std::string::npos) << "a writer failed: " << writer->told;
    for (std::size_t i = 0; i < writer->told.size(); ++i) {
      Change(&writer->state, StepOf(writer->root, writer->next++, can_apply_));
    }
    returned_ += writer->told.size();
    State after = writer->state;
    Change(&after, StepOf(writer->root, writer->next++, can_apply_));
    OpenStore store(plugin_);
    ASSERT_TRUE(store.ok()) << store.open_status().message();
    const State found = ReadAllOf(store, writer->root);
    ASSERT_TRUE(found == writer->state || found == after)
        << "after " << writer->told.size() << " steps had returned\n  found    " << Short(found)
        << "\n  expected " << Short(writer->state) << "\n  or       " << Short(after);
    writer->state = found;
  }

  TempDir dir_;
  Plugin plugin_;
  bool can_apply_ = false;
  std::mt19937_64 random_;
  std::vector<Writer> writers_;
  Number returned_ = 0;
  std::int64_t first_ns_ = 10'000'000;
  std::int64_t step_ns_ = 2'000'000;
};

void KillWriters(const Subject& subject, int writers, int kills) {
  const char* chosen = std::getenv("STORE_CRASH_SEED");
  const std::uint64_t seed = chosen != nullptr ? std::stoull(chosen) : std::random_device()();
  std::printf("STORE_CRASH_SEED=%llu\n", static_cast<unsigned long long>(seed));
  Killer killer(subject, seed, writers);
  for (int round = 0; round < kills; ++round) {
    killer.Round();
    ASSERT_FALSE(testing::Test::HasFailure()) << "kill " << round << ", seed " << seed;
  }
  killer.Finish();
  std::printf("%d kills, %llu steps had returned\n", kills,
              static_cast<unsigned long long>(killer.returned()));
  EXPECT_GT(killer.returned(), static_cast<Number>(kills)) << "the writers hardly worked";
}

}  // namespace

void RegisterCrashTests(const Subject& subject) {
  if (!subject.crash_tests) return;
  Register("Crash", "NothingTornLostOrHalf",
           [&subject] { KillWriters(subject, 1, subject.kills); });
  if (subject.kills_beside_others == 0) return;
  Register("Crash", "OthersGoOnBesideTheKilled",
           [&subject] { KillWriters(subject, 3, subject.kills_beside_others); });
}

void AddCrashRoles(std::map<std::string, Role>* roles) { (*roles)["crash-writer"] = Write; }

}  // namespace shoji::store_testing

#include "concurrency.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "place.h"
#include "register.h"

namespace shoji::store_testing {
namespace {

constexpr int kProcesses = 8;
constexpr int kRounds = 25;
constexpr int kShort = 40;

std::string ValueOf(int process, int round) {
  const std::string head = std::to_string(process) + "/" + std::to_string(round) + ":";
  return head + std::string(4000, static_cast<char>('a' + (process + round) % 26));
}

bool IsWhole(const std::string& value) {
  const std::size_t slash = value.find('/');
  const std::size_t colon = value.find(':');
  if (slash == std::string::npos || colon == std::string::npos) return false;
  return value == ValueOf(std::stoi(value.substr(0, slash)),
                          std::stoi(value.substr(slash + 1, colon - slash - 1)));
}

std::string OwnKey(int process, int round) {
  return "own/" + std::to_string(process) + "/" + std::to_string(100 + round);
}

Status SaveRound(OpenStore& store, int process, int round) {
  const std::string value = ValueOf(process, round);
  if (store.CanApply() && round % 2 == 1) {
    return store.Apply({{false, OwnKey(process, round), value},
                        {false, "common/x", value},
                        {false, "common/y", value}});
  }
  return store.Save(OwnKey(process, round), value);
}

// What this process saved is there, and what all save is whole.
std::string CheckRound(OpenStore& store, int process, int round) {
  const auto own = store.Load(OwnKey(process, round));
  if (!own.ok()) return "load: " + own.status().message();
  if (*own != ValueOf(process, round)) return "load gave another value";
  const auto common = store.Load("common/x");
  if (!common.ok() && common.status().code() != StatusCode::kNotFound) {
    return "load of the common key: " + common.status().message();
  }
  if (common.ok() && !IsWhole(*common)) return "the common value is torn";
  if (!store.CanScan()) return "";
  const std::string prefix = "own/" + std::to_string(process) + "/";
  const auto keys = store.Scan(prefix);
  if (!keys.ok()) return "scan: " + keys.status().message();
  std::vector<std::string> wanted;
  for (int i = 0; i <= round; ++i) wanted.push_back(OwnKey(process, i));
  return *keys == wanted ? ""
                         : "scan gave " + std::to_string(keys->size()) + " keys instead of " +
                               std::to_string(wanted.size());
}

// All children begin at once: when the parent closes their input.
void WaitForStart() {
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
  }
}

// The role: args are the directory and the number of the process.
std::string WorkLong(const Subject& subject, const std::vector<std::string>& args) {
  const int process = std::stoi(args[1]);
  WaitForStart();
  Plugin plugin(subject, args[0]);
  OpenStore store(plugin);  // some make the store, some find it
  if (!store.ok()) return "open: " + store.open_status().message();
  for (int round = 0; round < kRounds; ++round) {
    const Status status = SaveRound(store, process, round);
    if (!status.ok()) return "save: " + status.message();
    const std::string problem = CheckRound(store, process, round);
    if (!problem.empty()) return "round " + std::to_string(round) + ": " + problem;
  }
  return "";
}

// The role of a command: open, one change, look, close.
std::string WorkShort(const Subject& subject, const std::vector<std::string>& args) {
  const int process = std::stoi(args[1]);
  WaitForStart();
  Plugin plugin(subject, args[0]);
  OpenStore store(plugin);
  if (!store.ok()) return "open: " + store.open_status().message();
  const Status status = SaveRound(store, process, process);
  if (!status.ok()) return "save: " + status.message();
  const auto own = store.Load(OwnKey(process, process));
  if (!own.ok()) return "load: " + own.status().message();
  return *own == ValueOf(process, process) ? "" : "load gave another value";
}

// Starts `count` children of that role, at most kProcesses at once.
void RunAll(const std::string& role, const std::string& dir, int count) {
  for (int first = 0; first < count; first += kProcesses) {
    std::vector<RunningRole> running;
    for (int i = first; i < std::min(first + kProcesses, count); ++i) {
      running.push_back(StartRole(role, {dir, std::to_string(i)}));
    }
    for (RunningRole& one : running) one.start.reset();
    for (RunningRole& one : running) EXPECT_EQ(FinishRole(&one), "");
  }
}

void ExpectValue(OpenStore& store, const std::string& key, const std::string& value) {
  const auto found = store.Load(key);
  ASSERT_TRUE(found.ok()) << key << " is lost: " << found.status().message();
  EXPECT_EQ(*found, value) << key;
}

void EightAtOnce(const Subject& subject) {
  const TempDir dir;
  RunAll("concurrent-worker", dir.path(), kProcesses);
  Plugin plugin(subject, dir.path());
  OpenStore store(plugin);
  ASSERT_TRUE(store.ok()) << store.open_status().message();
  for (int process = 0; process < kProcesses; ++process) {
    for (int round = 0; round < kRounds; ++round) {
      ExpectValue(store, OwnKey(process, round), ValueOf(process, round));
    }
  }
  if (store.CanScan()) {
    EXPECT_EQ(store.Scan("own/").value().size(), std::size_t{kProcesses * kRounds});
  }
  if (store.CanApply()) ExpectValue(store, "common/y", store.Load("common/x").value());
}

void ManyShortOnes(const Subject& subject) {
  const TempDir dir;
  RunAll("concurrent-command", dir.path(), kShort);
  Plugin plugin(subject, dir.path());
  OpenStore store(plugin);
  ASSERT_TRUE(store.ok()) << store.open_status().message();
  for (int i = 0; i < kShort; ++i) ExpectValue(store, OwnKey(i, i), ValueOf(i, i));
}

}  // namespace

void RegisterConcurrencyTests(const Subject& subject) {
  if (!subject.shared_by_processes) return;
  Register("Processes", "EightSaveLoadAndScanAtOnce", [&subject] { EightAtOnce(subject); });
  Register("Processes", "FortyShortCommandsLoseNothing", [&subject] { ManyShortOnes(subject); });
}

void AddConcurrencyRoles(std::map<std::string, Role>* roles) {
  (*roles)["concurrent-worker"] = WorkLong;
  (*roles)["concurrent-command"] = WorkShort;
}

}  // namespace shoji::store_testing

// States and reports.
//
// Purpose  What Status, List and Plugins answer with.
// Threads  Values.
#ifndef SHOJI_TYPES_H_
#define SHOJI_TYPES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/status.h"

namespace shoji {

// Of sandboxes and containers. Allowed moves: ready -> running | stopped,
// running -> paused | stopped, paused -> running | stopped, stopped -> running.
enum class State { kReady, kRunning, kPaused, kStopped };

std::string_view StateName(State state);  // "ready", "running", "paused", "stopped"
Result<State> ParseState(std::string_view name);
bool MayMove(State from, State to);

struct ContainerStatus {
  std::string id;
  std::string sandbox_id;
  State state = State::kReady;
  std::int64_t created_unix_ns = 0;  // CLOCK_REALTIME
  std::int64_t started_unix_ns = 0;  // 0: not yet
  std::int32_t shim_pid = -1;        // host pid that stands for it, -1: built in
  std::string rootfs;                // on the host
  std::string bundle;
  std::vector<std::string> args;
  std::map<std::string, std::string> annotations;
};

struct SandboxStatus {
  std::string id;
  State state = State::kReady;
  std::int64_t created_unix_ns = 0;
  std::string hypervisor;  // plugin ids
  std::string agent;
  std::string proxy;
  std::string factory;
  std::vector<std::int32_t> vm_pids;  // the VMM first; empty when it does not run
  std::uint32_t vcpus = 0;
  std::uint64_t memory_bytes = 0;
  std::int32_t owner_pid = 0;  // the process that holds it; 0: nobody (released or dead)
  bool released = false;
  std::vector<ContainerStatus> containers;
  std::map<std::string, std::string> annotations;
};

// An interface that a plugin announces.
struct PluginInterface {
  std::string id;  // "shoji.store/1"
  std::uint32_t minor = 0;
};

// An option that a plugin declares, with the value in force.
struct PluginOption {
  std::string name;  // "store.sqlite.path"
  std::string type;  // "string", "int", "bool", "size", "path", "list", "duration"
  std::string default_value;
  std::string help;
  bool secret = false;  // then `default_value` and `value` stay empty
  bool required = false;
  std::string value;   // sizes in bytes, durations in nanoseconds, lists with '\n' in between
  std::string origin;  // "default", "/etc/shoji/shoji.toml:12", "environment", "command line"
};

// One plugin (or one that could not be used, with the reason).
struct PluginInfo {
  std::string kind;
  std::string id;
  std::string version;
  std::string vendor;
  std::string licence;
  std::string sdk_version;
  std::uint32_t abi_min = 0;  // of the host's ABI, what it works with
  std::uint32_t abi_max = 0;
  std::string path;  // empty: given in process
  std::vector<PluginInterface> interfaces;
  std::vector<PluginOption> options;
  std::string trust;   // why its bytes are trusted; empty when they are not
  std::string status;  // "ok" or "refused"
  std::string reason;  // why refused
};

// A number that a plugin keeps for the operator.
struct Metric {
  enum class Type { kCounter, kGauge, kHistogram };
  std::string kind;  // of the plugin
  std::string id;
  std::string name;  // "saves", "save_ns"
  Type type = Type::kCounter;
  std::int64_t gauge = 0;
  std::uint64_t count = 0;  // of a counter, or how often the histogram was told a value
  std::uint64_t sum = 0;    // of a histogram; wraps around
  // Of a histogram: buckets[i] values have i significant bits, so value < 2^i. 65 of them.
  std::vector<std::uint64_t> buckets;
};

// A finished stage of the last operations, for --timings.
struct Span {
  std::string name;           // "vm.process", "vm.qmp", "guest.boot", ...
  std::int64_t begin_ns = 0;  // CLOCK_MONOTONIC
  std::int64_t end_ns = 0;
};

// What CollectGarbage did (or would do).
struct GarbageReport {
  struct Item {
    std::string kind;  // "sandbox", "process", "mount", "directory", "record"
    std::string name;
    std::string reason;
    bool removed = false;
    std::string error;  // why it could not be removed
  };
  std::vector<Item> items;
};

}  // namespace shoji

#endif  // SHOJI_TYPES_H_

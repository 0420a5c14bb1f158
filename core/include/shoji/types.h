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

// One plugin file (or one that could not be used, with the reason).
struct PluginInfo {
  std::string kind;
  std::string id;
  std::string version;
  std::string vendor;
  std::string licence;
  std::string path;
  std::vector<std::string> interfaces;  // "shoji.store/1"
  std::string status;                   // "ok" or "refused"
  std::string reason;                   // why refused
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

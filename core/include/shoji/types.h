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

#include "shoji/config.h"
#include "shoji/export.h"
#include "shoji/status.h"

namespace shoji {

// Of sandboxes and containers. Allowed moves: ready -> running | stopped,
// running -> paused | stopped, paused -> running | stopped, stopped -> running.
enum class State { kReady, kRunning, kPaused, kStopped };

SHOJI_API std::string_view StateName(State state);  // "ready", "running", "paused", "stopped"
SHOJI_API Result<State> ParseState(std::string_view name);
SHOJI_API bool MayMove(State from, State to);

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

// A device or storage of a sandbox, with where the guest has it.
struct DeviceStatus {
  DeviceInfo info;
  std::string address;  // as the hypervisor plugin answered, JSON: {"pci_path": "02/05"}
};
struct StorageStatus {
  StorageInfo info;
  std::string guest_path;  // where it is mounted in the guest
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
  std::vector<DeviceStatus> devices;
  std::vector<StorageStatus> storages;
  std::string network;  // plugin id
  std::string netns;
  std::map<std::string, std::string> annotations;
};

// What a sandbox' VM uses, on the host (Stats). Zero where the hypervisor cannot tell.
struct SandboxStats {
  std::uint32_t vcpus = 0;
  std::uint64_t cpu_ns = 0;          // of the vCPUs
  std::uint64_t vmm_cpu_ns = 0;      // of the VMM beside them
  std::uint64_t resident_bytes = 0;  // of the VMM's processes
  std::uint64_t block_read_bytes = 0;
  std::uint64_t block_write_bytes = 0;
};

struct InterfaceStats {
  std::string name;
  std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};

// What a container uses, as its guest counts (StatsContainer).
struct ContainerStats {
  std::uint64_t cpu_ns = 0, cpu_user_ns = 0, cpu_system_ns = 0;
  std::uint64_t throttled_periods = 0, throttled_ns = 0;
  std::uint64_t memory_bytes = 0, memory_max_bytes = 0;
  std::uint64_t memory_limit_bytes = 0;  // 0: none
  std::uint64_t memory_cache_bytes = 0, memory_failures = 0;
  std::uint64_t swap_bytes = 0;
  std::uint64_t pids = 0, pids_limit = 0;  // 0: none
  std::uint64_t block_read_bytes = 0, block_write_bytes = 0;
  std::uint64_t block_read_ops = 0, block_write_ops = 0;
  std::vector<InterfaceStats> interfaces;  // of the guest
};

// What Sandbox::Monitor() tells.
struct SandboxEvent {
  enum class Kind {
    kVmEnded,        // the VM is gone; `text` has its last words
    kAgentLost,      // the VM runs, its agent does not answer
    kContainerExit,  // the init process of `container_id` has ended with `exit_status`; -1:
                     // not known, as `text` explains
    kOutOfMemory,    // the guest's kernel killed something in `container_id`
    kStopped,        // the sandbox was stopped or deleted; nothing comes after it
  };
  Kind kind = Kind::kVmEnded;
  std::string container_id;
  std::int32_t exit_status = 0;
  std::string text;
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
  std::string kind;  // hypervisor, store, factory, shim, proxy, agent or network
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

// What a hypervisor plugin says of this machine (CheckHypervisor).
struct HypervisorReport {
  struct Item {
    std::string item;  // "/dev/kvm"
    bool ok = false;
    std::string detail;
    std::string advice;  // what to do; also of what works, but could work better
  };
  std::string hypervisor;  // plugin id
  Status can_run;          // FAILED_PRECONDITION says what keeps VMs from running
  std::vector<Item> items;
};

// What CollectGarbage did (or would do).
struct GarbageReport {
  struct Item {
    // "sandbox", "process", "mount", "socket", "cgroup", "network", "link", "directory", "record"
    std::string kind;
    std::string name;
    std::string reason;
    bool removed = false;
    std::string error;  // why it could not be removed
  };
  std::vector<Item> items;
};

}  // namespace shoji

#endif  // SHOJI_TYPES_H_

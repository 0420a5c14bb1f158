// The record of a sandbox: everything another process needs to find and end it.
//
// Purpose  One JSON text with a schema version. A reader refuses a schema newer than its
//          own, upgrades an older one (metadata/upgrade.h), and takes the default for every
//          member that an older writer did not know.
//          Members of our schema that we do not know, written by a later version, are kept
//          and written back: on the record, on a container, device, storage and interface, and
//          inside their configurations. Only those inside the items of other lists (a mount, a
//          process) are dropped.
// Threads  Values.
// Example  SHOJI_ASSIGN_OR_RETURN(SandboxRecord record, ParseRecord(text));
#ifndef SHOJI_CORE_METADATA_RECORD_H_
#define SHOJI_CORE_METADATA_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/config.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

inline constexpr int kRecordSchema = 2;

// A process that can be told from a later one with the same number.
struct ProcessId {
  std::int32_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/<pid>/stat
};

// A process that joined a container, and has a shim of its own.
struct ExecRecord {
  std::string id;
  std::int32_t shim_pid = -1;
  std::uint64_t shim_start_ticks = 0;  // as in ProcessId; 0: unknown

  ProcessId shim() const { return {shim_pid, shim_start_ticks}; }
};

struct ContainerRecord {
  State state = State::kReady;
  std::int64_t created_unix_ns = 0;
  std::int64_t started_unix_ns = 0;
  std::int32_t shim_pid = -1;
  std::uint64_t shim_start_ticks = 0;      // as in ProcessId; 0: unknown or built in
  std::string rootfs;                      // on the host, symbolic links resolved
  std::vector<std::string> share_entries;  // names below <sandbox>/share
  std::vector<std::string> args;
  bool terminal = false;
  std::vector<ExecRecord> execs;
  bool poststop_due = false;  // its prestart hooks ran, its poststop hooks did not
  ContainerConfig config;

  ProcessId shim() const { return {shim_pid, shim_start_ticks}; }
  void set_shim(const ProcessId& shim) {
    shim_pid = shim.pid;
    shim_start_ticks = shim.start_ticks;
  }
  std::string unknown;  // JSON object of the members this version does not know, or empty
};

// A device the VM has.
struct DeviceRecord {
  DeviceInfo info;
  std::string address;  // JSON, as the hypervisor plugin answered
  std::string unknown;  // as in ContainerRecord
};

struct StorageRecord {
  StorageInfo info;
  std::string guest_path;
  std::string device_id;    // of a block storage: a DeviceRecord; else empty
  std::string share_entry;  // of a directory: its name below <sandbox>/share; else empty
  // Came when the sandbox was there: the guest mounts it with each container that uses it.
  bool with_containers = false;
  std::string unknown;  // as in ContainerRecord
};

// An interface of the namespace that the VM has.
struct InterfaceRecord {
  InterfaceInfo asked;  // what its caller wanted otherwise; a found one: its name alone
  InterfaceInfo info;   // as it is
  std::string nic_id;   // of the network plugin
  std::string unknown;  // as in ContainerRecord
};

struct SandboxRecord {
  std::string id;
  State state = State::kReady;
  std::int64_t created_unix_ns = 0;
  bool released = false;
  std::string hypervisor;  // plugin ids
  std::string agent;
  std::string proxy;
  std::string factory;
  std::string shim;
  std::uint32_t vcpus = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t boot = 0;   // counts the VMs this sandbox has had
  std::string vm_state;     // blob of the hypervisor plugin; empty: there is no VM
  std::string proxy_state;  // blob of the proxy plugin
  std::vector<ProcessId> vm_processes;
  // Without containers, devices and storages: each of those keeps its own.
  SandboxConfig config;
  std::vector<ContainerRecord> containers;
  std::vector<DeviceRecord> devices;
  std::vector<StorageRecord> storages;
  std::string network;        // plugin id; empty: none
  std::string network_state;  // blob of the network plugin
  std::vector<InterfaceRecord> interfaces;
  // Size without containers; 0 in a record of an older version: vcpus, memory_bytes.
  std::uint32_t base_vcpus = 0;
  std::uint64_t base_memory_bytes = 0;
  // What the VM was made with, for a VM restored from its state must be made with the same; 0:
  // there is no VM, or an older version made it.
  std::uint32_t boot_vcpus = 0;
  std::uint64_t boot_memory_bytes = 0;
  std::vector<std::string> boot_devices;  // ids
  std::string host_cgroup;                // of the VM's processes; empty: none
  std::string unknown;                    // as in ContainerRecord
  int stored_schema = kRecordSchema;      // of the text it was read from

  ContainerRecord* Find(const std::string& container_id);
  const ContainerRecord* Find(const std::string& container_id) const;
  DeviceRecord* FindDevice(const std::string& device_id);
  const DeviceRecord* FindDevice(const std::string& device_id) const;
  StorageRecord* FindStorage(const std::string& storage_id);
  const StorageRecord* FindStorage(const std::string& storage_id) const;
};

std::string FormatRecord(const SandboxRecord& record);
// DATA_LOSS for what is no record, FAILED_PRECONDITION for a newer schema; the message
// speaks of the record as "it".
Result<SandboxRecord> ParseRecord(std::string_view text);

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_RECORD_H_

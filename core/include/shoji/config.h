// What a caller asks for: sandboxes, containers, commands.
//
// Purpose  Plain structs with defaults. Names are those of the OCI runtime
//          specification and of Kata's API.
// Threads  Values.
// Example
//     shoji::SandboxConfig sandbox;
//     sandbox.id = "web";
//     sandbox.memory_bytes = 256U << 20U;
//     shoji::ContainerConfig container;
//     container.id = "web";
//     container.rootfs.source = "/srv/rootfs/web";
//     container.cmd.args = {"/bin/httpd", "-f"};
//     sandbox.containers.push_back(container);
#ifndef SHOJI_CONFIG_H_
#define SHOJI_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shoji {

// The five capability sets of a process, as "CAP_NET_ADMIN" names.
struct Capabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;
};

// A process to run (OCI: process).
struct Cmd {
  std::vector<std::string> args;  // args[0] is looked up in PATH of `envs` inside the container
  std::vector<std::string> envs;  // "NAME=value"
  std::string user;               // "uid", "uid:gid", "name", "name:group"; empty: root
  std::vector<std::string> supplementary_groups;  // numbers or names of the rootfs' /etc/group
  std::string work_dir = "/";
  std::optional<Capabilities> capabilities;  // nothing: the default set
  bool no_new_privileges = true;
  bool terminal = false;   // give it a pseudo-terminal; stderr is then part of stdout
  std::uint16_t rows = 0;  // first size of the terminal; 0: unknown
  std::uint16_t columns = 0;
  // An OCI process object (JSON text), for Sandbox::EnterContainer() only: a container has its
  // `oci_spec` for it. When given, it is used instead of everything above; its user is numbers,
  // and without capabilities it has those of its container.
  std::string oci_process;
  // Added to every set of what it has else ("CAP_NET_ADMIN"); for Sandbox::EnterContainer() only,
  // and not with `oci_process`.
  std::vector<std::string> more_capabilities;
  // The two that follow count with `oci_process` and with ContainerConfig::oci_spec, too, and
  // mean something only where shims are processes.
  std::string console;  // path of a pty, the terminal of the shim; empty: our descriptors 0, 1, 2.
                        // For the first init only, a later one is without
  bool detach = false;  // the shim has /dev/null instead; not with `console`
};

// A file system inside the container (OCI: mounts[]).
struct Mount {
  std::string source;       // bind: absolute path on the host; storage: "id" or "id/path below"
  std::string destination;  // absolute path in the container
  std::string type;         // "bind", "tmpfs", "storage" (a StorageInfo of the sandbox), ...
  std::vector<std::string> options;
};

// The root file system of a container: a directory of the host, or a storage of the sandbox.
struct RootFs {
  std::string source;   // absolute path on the host; not with `storage`
  std::string storage;  // "id" or "id/path below" of a StorageInfo; users are numbers then
  bool read_only = false;
  // Changes are kept in memory on the host, and thrown away when the container is deleted or
  // the sandbox is stopped; a container that is stopped and started alone keeps them.
  bool ephemeral = false;
};

// Limits of a container (OCI: linux.resources). What is absent is not limited, or in an
// update stays as it is.
struct Resources {
  std::optional<std::uint64_t> cpu_shares;
  std::optional<std::int64_t> cpu_quota_us;  // in each period; -1: none
  std::optional<std::uint64_t> cpu_period_us;
  std::optional<std::string> cpuset_cpus;          // "0-2,4", of the guest
  std::optional<std::string> cpuset_mems;          // of the guest
  std::optional<std::int64_t> memory_limit;        // bytes; -1: none
  std::optional<std::int64_t> memory_reservation;  // bytes
  std::optional<std::int64_t> memory_swap;         // bytes, memory and swap together
  std::optional<std::int64_t> pids_limit;          // -1: none
  // linux.resources as JSON, used instead of all of the above.
  std::string oci_json;
};

// Average and burst of a disk; 0: no limit.
struct DiskLimits {
  std::uint64_t bytes_per_s = 0;
  std::uint64_t burst_bytes_per_s = 0;
  std::uint64_t ops_per_s = 0;
  std::uint64_t burst_ops_per_s = 0;
  std::uint64_t burst_ms = 0;  // how long a burst may last; 0: one second
  bool operator==(const DiskLimits&) const = default;
};

// A device for a sandbox (AddDevice).
struct DeviceInfo {
  enum class Kind { kBlock, kVfio, kVhostUser, kVsock };
  std::string id;  // [A-Za-z0-9_.-]{1,64}, unique in the sandbox
  Kind kind = Kind::kBlock;
  // block: a file or block device of the host; vfio: "0000:03:00.0" or the sysfs path of a
  // mediated device; vhost-user: the socket of its back end.
  std::string host_path;
  std::string format = "raw";  // block: "raw" or "qcow2", never guessed
  bool read_only = false;
  bool direct = false;    // block: past the host's page cache
  bool no_flush = false;  // block: the guest's flushes are not carried out
  bool shared = false;    // block: several VMs write it
  bool scsi = false;      // block: on the SCSI bus
  std::optional<DiskLimits> limits;
  std::string vhost_type;  // vhost-user: "blk", "scsi", "net" or "fs"
  std::string mac;         // vhost-user net
  std::string tag;         // vhost-user fs
  std::uint32_t cid = 0;   // vsock: 3 or more
  bool operator==(const DeviceInfo&) const = default;
};

// Something the guest mounts once for the pod, for containers' mounts and root file systems
// to refer to (AddStorage). A block storage is also a device with the same id: no other may
// have it.
struct StorageInfo {
  enum class Kind {
    kDirectory,  // a directory of the host, over the sandbox' share
    kBlock,      // a file system on a file or block device of the host
    kMemory,     // a tmpfs in the guest
  };
  std::string id;  // [A-Za-z0-9_.-]{1,64}, unique in the sandbox
  Kind kind = Kind::kDirectory;
  std::string source;           // absolute path on the host
  std::string fstype = "ext4";  // block
  std::string format = "raw";   // block: of the image
  bool read_only = false;
  std::vector<std::string> options;  // of the guest's mount
  std::uint64_t size_bytes = 0;      // memory; 0: half of the guest's memory
  std::optional<DiskLimits> limits;  // block
  bool operator==(const StorageInfo&) const = default;
};

// Average, burst and peak of one interface as the guest sees it; 0: no limit.
struct InterfaceLimits {
  std::uint64_t rx_bytes_per_s = 0;       // towards the guest
  std::uint64_t rx_burst_bytes = 0;       // what may be taken at once above it
  std::uint64_t rx_peak_bytes_per_s = 0;  // while the burst lasts
  std::uint64_t tx_bytes_per_s = 0;       // from the guest
  std::uint64_t tx_burst_bytes = 0;
  std::uint64_t tx_peak_bytes_per_s = 0;
  bool operator==(const InterfaceLimits&) const = default;
};

struct IpAddress {
  std::string address;  // "10.0.0.2", "fd00::2"
  std::uint32_t prefix = 0;
  bool operator==(const IpAddress&) const = default;
};

// A network interface of a sandbox. Asked for by AddInterface(), told by ListInterfaces().
struct InterfaceInfo {
  std::string name;        // in the sandbox' network namespace on the host; it exists there
  std::string guest_name;  // in the guest; empty: the same
  std::string mac;         // empty: that of the interface
  std::uint32_t mtu = 0;   // 0: that of the interface
  std::vector<IpAddress> addresses;  // empty: those of the interface
  std::optional<InterfaceLimits> limits;
  bool operator==(const InterfaceInfo&) const = default;
};

// A route of the guest (Kata: types.Route).
struct Route {
  std::string destination;  // "10.0.0.0/24"; empty: the default route
  std::string gateway;
  std::string device;  // name in the guest
  std::string source;
  std::uint32_t scope = 0;  // of rtnetlink
  bool v6 = false;          // of a default route without gateway
  bool operator==(const Route&) const = default;
};

struct NetworkConfig {
  // Path of a network namespace that the caller made, e.g. /run/netns/pod. Empty: none, the
  // guest has no interface until AddInterface(), which then needs one.
  std::string netns;
  std::string model;                      // network plugin; empty: as configured
  std::uint32_t queues = 1;               // queue pairs of each interface
  std::optional<InterfaceLimits> limits;  // of each interface found
};

// A command that runs on the host at a point of a container's life (OCI: hooks).
struct Hook {
  std::string path;               // absolute
  std::vector<std::string> args;  // args[0] too
  std::vector<std::string> envs;
  std::uint32_t timeout_s = 0;  // 0: sandbox.call_timeout
};
// Each gets the state of the container (OCI: state) as JSON on its standard input, and exactly
// `envs`. docs/hooks.md says what a failure does.
struct Hooks {
  std::vector<Hook> prestart;   // when the VM runs, before the container exists in it
  std::vector<Hook> poststart;  // when its command runs
  std::vector<Hook> poststop;   // when it does not exist any more
};

// Another kernel, initrd or image than the configured one (empty: that one), and the SHA-256
// that its bytes must have (hex; empty: not checked; 128 digits are a SHA-512).
struct Assets {
  std::string kernel;
  std::string kernel_sha256;
  std::string initrd;
  std::string initrd_sha256;
  std::string image;
  std::string image_sha256;
  std::string kernel_params;  // added to the configured ones
};

// A device of the sandbox inside a container.
struct ContainerDevice {
  std::string device;          // id of a DeviceInfo
  std::string container_path;  // "/dev/xvda"
  std::string permissions = "rwm";
};

struct ContainerConfig {
  std::string id;  // [A-Za-z0-9_.-]{1,64}, unique on this host
  RootFs rootfs;
  Cmd cmd;
  std::vector<Mount> mounts;  // besides the default ones
  std::vector<ContainerDevice> devices;
  Resources resources;  // the sandbox grows by them, as far as the hypervisor can
  Hooks hooks;          // with `oci_spec`: those of the specification come first
  std::map<std::string, std::string> annotations;  // reverse-domain names
  // An OCI runtime specification (JSON text). When given, it is used instead of `cmd` and
  // `mounts`; a relative root.path is taken from `bundle`.
  std::string oci_spec;
  std::string bundle;  // absolute path of the OCI bundle, or empty
};

struct SandboxConfig {
  std::string id;                       // [A-Za-z0-9_.-]{1,64}
  std::string hostname;                 // empty: the id, cut to 63 characters
  std::uint32_t vcpus = 0;              // 0: as configured for the hypervisor
  std::uint64_t memory_bytes = 0;       // 0: as configured for the hypervisor
  std::vector<std::string> dns;         // lines of resolv.conf
  std::uint64_t shm_size = 64U << 20U;  // bytes of the pod's /dev/shm
  // io.katacontainers.config.* and dev.shoji.* change settings of this sandbox, as far as
  // sandbox.annotations allows; all others are kept and shown.
  std::map<std::string, std::string> annotations;
  std::vector<ContainerConfig> containers;
  // Prepared side by side while the VM boots, there before the first container is made.
  std::vector<DeviceInfo> devices;
  std::vector<StorageInfo> storages;
  NetworkConfig network;
  bool shared_pid_namespace = false;  // of all containers
  std::string guest_hook_path;        // a directory of hooks in the guest's root file system
  std::string cgroup_parent;          // on the host, for the VMM; empty: as configured
  Assets assets;
  // Whether directories of the host can be shown to the guest. Without it every root file
  // system and volume is a storage on a disk or in memory, and the sandbox can be saved.
  bool share = true;
};

}  // namespace shoji

#endif  // SHOJI_CONFIG_H_

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
};

// A file system inside the container (OCI: mounts[]).
struct Mount {
  std::string source;       // bind: absolute path on the host
  std::string destination;  // absolute path in the container
  std::string type;         // "bind", "tmpfs", ...
  std::vector<std::string> options;
};

// The root file system of a container: a directory of the host.
struct RootFs {
  std::string source;
  bool read_only = false;
  // Changes are kept in memory on the host and thrown away with the container.
  bool ephemeral = false;
};

// Average and burst of a disk; 0: no limit.
struct DiskLimits {
  std::uint64_t bytes_per_s = 0;
  std::uint64_t burst_bytes_per_s = 0;
  std::uint64_t ops_per_s = 0;
  std::uint64_t burst_ops_per_s = 0;
  std::uint64_t burst_ms = 0;  // how long a burst may last; 0: one second
};

struct ContainerConfig {
  std::string id;  // [A-Za-z0-9_.-]{1,64}, unique on this host
  RootFs rootfs;
  Cmd cmd;
  std::vector<Mount> mounts;                       // besides the default ones
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
  std::map<std::string, std::string> annotations;
  std::vector<ContainerConfig> containers;
};

}  // namespace shoji

#endif  // SHOJI_CONFIG_H_

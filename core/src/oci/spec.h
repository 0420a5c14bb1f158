// OCI runtime specifications: made from a Cmd, read from a bundle, edited for the guest.
//
// Purpose  Everything that knows the JSON of an OCI specification. Texts in, texts out.
// Threads  Safe, no state.
// Errors   INVALID_ARGUMENT names the field of the specification.
// Example
//     SHOJI_ASSIGN_OR_RETURN(SpecSummary summary, Inspect(text));
//     ... share summary.binds ...
//     SHOJI_ASSIGN_OR_RETURN(std::string for_guest, EditForGuest(text, place));
#ifndef SHOJI_CORE_OCI_SPEC_H_
#define SHOJI_CORE_OCI_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "oci/user.h"
#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

// The specification of a container that has none: like those an engine makes by default.
std::string DefaultSpec(const ContainerConfig& config, const User& user,
                        const std::string& hostname);

// Type of a mount that refers to a storage of the sandbox.
inline constexpr const char* kStorageMount = "storage";

// A mount whose source lies on the host, or of type kStorageMount.
struct SpecBind {
  std::size_t index = 0;  // in "mounts"
  std::string source;
  std::string destination;
  bool read_only = false;
  std::string overlay{};  // options of an overlay of the host's directories; empty: a bind
};

struct SpecSummary {
  std::string rootfs;  // root.path as written
  bool read_only = false;
  bool terminal = false;
  std::string cgroups_path;  // as written
  bool own_pids = false;     // it asks for a new PID namespace, not for that of its pod
  bool has_hooks = false;    // such as run on the host: all kinds but startContainer
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::vector<SpecBind> binds;            // to be shared with the guest
  std::vector<SpecBind> storages;         // `source` refers to one
  std::vector<std::string> destinations;  // of all mounts
  std::map<std::string, std::string> annotations;
  std::string hostname;
  std::string cwd;
  std::uint64_t shm_size = 0;         // of the engine's /dev/shm, in bytes; 0: not known
  bool joins_pids = false;            // its processes are to be among those of another container
  std::set<std::string> block_nodes;  // paths of the disks in linux.devices
};
Result<SpecSummary> Inspect(const std::string& spec);

// A device of the sandbox for the container. The agent finds it by its path and puts the
// guest's numbers in place of ours.
struct SpecDevice {
  std::string path;
  bool block = true;
  std::string access = "rwm";
};

// Where the things of the specification lie in the guest.
struct GuestPlace {
  std::string container_id;
  std::string rootfs;
  std::map<std::size_t, std::string> binds;  // SpecBind::index -> path
  std::vector<SpecDevice> devices;
  std::string resources;  // limits for the guest, linux.resources as JSON; win over its own
  std::set<std::string> attached_paths = {};  // of linux.devices: paths of those the VM was given
};
// The specification as the guest shall apply it: what concerns the host alone is gone.
Result<std::string> EditForGuest(const std::string& spec, const GuestPlace& place);

// A process that joins a container. What `cmd` leaves open comes from the container:
// environment, and capabilities when that has a specification of its own (`oci_spec`).
Result<std::string> ExecProcess(const Cmd& cmd, const User& user, const ContainerConfig& container,
                                const std::string& hostname);

}  // namespace shoji

#endif  // SHOJI_CORE_OCI_SPEC_H_

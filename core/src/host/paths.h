// Where the files of a sandbox lie (docs/architecture.md, "What lies where at run time").
//
// Threads  Values.
// Example  SandboxPaths("/run/shoji", "web").share == "/run/shoji/sandboxes/web/share"
#ifndef SHOJI_CORE_HOST_PATHS_H_
#define SHOJI_CORE_HOST_PATHS_H_

#include <string>

namespace shoji {

inline constexpr const char* kSandboxDirEnv = "SHOJI_SANDBOX_DIR";

// In the guest.
inline constexpr const char* kGuestShare = "/run/kata-containers/shared/containers";
inline constexpr const char* kGuestShm = "/run/kata-containers/sandbox/shm";
inline constexpr const char* kGuestNameService = "/run/kata-containers/sandbox/resolv.conf";
inline constexpr const char* kShareTag = "kataShared";

inline std::string SandboxesDir(const std::string& root) { return root + "/sandboxes"; }

// Of VMs that factories make in advance: a directory each, with the lock `owner` of whoever makes
// or holds it.
inline std::string HeldDir(const std::string& root) { return root + "/factory"; }
// In such a directory, what was begun outside of it: the path of a directory.
inline constexpr const char* kBegunFile = "begun";

struct SandboxPaths {
  SandboxPaths(const std::string& root, const std::string& id)
      : dir(SandboxesDir(root) + "/" + id),
        lock(dir + "/lock"),
        owner(dir + "/owner"),
        vm(dir + "/vm"),
        proxy(dir + "/proxy"),
        network(dir + "/network"),
        mounts(dir + "/mounts"),
        share(dir + "/share"),
        overlay(dir + "/overlay"),
        cgroup(dir + "/cgroup"),
        creating(dir + "/creating"),
        shims(dir + "/shims"),
        held(dir + "/held"),
        factory(HeldDir(root)) {}

  std::string dir;
  std::string lock;
  std::string owner;
  std::string vm;
  std::string proxy;
  std::string network;  // what to leave, as long as the sandbox is joined to one
  std::string mounts;   // where the core mounts; `share` follows it
  std::string share;
  std::string overlay;
  std::string cgroup;    // a file with the name of the control group on the host
  std::string creating;  // a file with the container that is being made (creating.h)
  std::string shims;     // of shims that listen, a socket each, named as their containers
  std::string held;      // VMs that were made before the sandbox was (held.h)
  std::string factory;   // of the root: where such VMs wait
};

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_PATHS_H_

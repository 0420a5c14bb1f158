#include "config/config.h"

namespace shoji {
namespace {

OptionSpec Spec(std::string name, OptionType type, std::string value, std::string help) {
  OptionSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  spec.default_value = std::move(value);
  spec.help = std::move(help);
  return spec;
}

}  // namespace

std::vector<OptionSpec> CoreOptions() {
  using enum OptionType;
  return {
      Spec("root", kPath, "/run/shoji", "Directory of what runs; lost at reboot"),
      Spec("state_dir", kPath, "/var/lib/shoji", "Directory of what is kept across reboots"),
      Spec("cache_dir", kPath, "/var/cache/shoji", "Directory that may be emptied at any time"),
      Spec("log.level", kString, "warn", "trace, debug, info, warn, error or off"),
      Spec("plugins.path", kList, "", "Directories of plugins; empty: those installed with shoji"),
      Spec("plugins.trust", kString, "owner",
           "Which plugin files may be loaded: owner, pinned or signed"),
      Spec("plugins.pins.*", kString, "",
           "SHA-256 of a plugin's file; the name is its kind.id, the value sha256:HEX"),
      Spec("plugins.keys.*.key", kString, "", "minisign public key of a vendor"),
      Spec("plugins.keys.*.vendor", kString, "", "Ids it may sign start with this: com.example."),
      Spec("plugins.keys.*.kinds", kList, "", "Kinds of plugins it may sign"),
      Spec("plugins.revoked", kList, "", "Ids of minisign keys that are not trusted any more"),
      Spec("plugins.open_timeout", kDuration, "10s",
           "Until a plugin that does not open is given up; 0: never"),
      Spec("sandbox.hypervisor", kString, "qemu", "Plugin that runs the VM"),
      Spec("sandbox.store", kString, "filesystem", "Plugin that keeps the records"),
      Spec("sandbox.factory", kString, "direct",
           "Plugin that delivers VMs; auto: template where that can be, else direct"),
      Spec("sandbox.proxy", kString, "kataproxybuiltin", "Plugin in front of the agent"),
      Spec("sandbox.shim", kString, "katashimbuiltin", "Plugin that stands for a process"),
      Spec("sandbox.agent", kString, "kata", "Plugin that speaks to the guest"),
      Spec("sandbox.network", kString, "tcfilter",
           "Plugin that joins a sandbox to its network namespace; not loaded without one"),
      Spec("guest.kernel", kPath, "", "Kernel of the guest; empty: the installed one"),
      Spec("guest.initrd", kPath, "", "Initial RAM disk of the guest; empty: the installed one"),
      Spec("guest.image", kPath, "",
           "Disk image with the guest's root file system; without guest.initrd it is used instead "
           "of the installed one"),
      Spec("guest.kernel_params", kString, "", "Added to the kernel's command line"),
      Spec("sandbox.annotations", kList,
           "io.katacontainers.config.hypervisor.default_vcpus\n"
           "io.katacontainers.config.hypervisor.default_memory\n"
           "dev.shoji.vcpus\ndev.shoji.memory\ndev.shoji.shm_size",
           "Annotations that may change settings of a sandbox; * stands for any text"),
      Spec("sandbox.cgroup_parent", kString, "",
           "Control group of the host below which each sandbox gets one; empty: none"),
      Spec("sandbox.boot_timeout", kDuration, "120s", "Until the guest's agent answers"),
      Spec("sandbox.lock_timeout", kDuration, "30s", "Until another operation lets go"),
      Spec("sandbox.call_timeout", kDuration, "60s", "For one call to the agent or a plugin"),
      Spec("sandbox.stop_timeout", kDuration, "10s", "From SIGTERM to SIGKILL"),
  };
}

}  // namespace shoji

#include "testing/fake_plugins.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

#include "host/liveness.h"
#include "host/mount.h"
#include "plugin/error.h"
#include "plugin/slots.h"
#include "shoji/base/file.h"
#include "shoji/base/private_mounts.h"
#include "shoji/base/strings.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/hypervisor_hotplug.h"
#include "shoji/plugin/hypervisor_state.h"
#include "shoji/spawn/spawn.h"
#include "testing/fake_parts.h"

namespace shoji::testing {
namespace {

// As a factory does that had the VM ready.
Status MakeHeld(const FakeWorld& world, const std::string& sandbox_dir) {
  const std::string dir = sandbox_dir + "/held/held-1";
  const std::string mounts = dir + "/mounts";
  SHOJI_RETURN_IF_ERROR(MakeDirs(mounts));
  SHOJI_RETURN_IF_ERROR(MakeDirs(dir + "/share"));
  SHOJI_RETURN_IF_ERROR(MakeDirs(world.root() + "/factory"));
  SHOJI_ASSIGN_OR_RETURN(MountPoint ours, MountPoint::Bind(mounts, mounts, false));
  if (mount(nullptr, mounts.c_str(), nullptr, MS_SHARED, nullptr) < 0) {
    return Internal("cannot share a mount");
  }
  SHOJI_ASSIGN_OR_RETURN(MountPoint shown, MountPoint::Follow(mounts, dir + "/share"));
  ours.Keep();
  shown.Keep();
  const std::string link = world.root() + "/factory/held-1";
  return symlink(dir.c_str(), link.c_str()) == 0 ? OkStatus() : Internal("no link");
}

class FakePlugins final : public Plugins {
 public:
  explicit FakePlugins(FakeWorld& world) : world_(world) {}

  Result<std::unique_ptr<Store>> OpenStore(const std::string&) override {
    return MakeFakeStore(world_);
  }
  Result<std::unique_ptr<Hypervisor>> OpenHypervisor(const std::string& id) override {
    SHOJI_RETURN_IF_ERROR(Enter("hypervisor.open"));
    return std::make_unique<Hypervisor>(&kFakeHypervisor,
                                        reinterpret_cast<shoji_hypervisor*>(&world_), id);
  }
  Result<std::unique_ptr<Factory>> OpenFactory(const std::string&) override {
    SHOJI_RETURN_IF_ERROR(Enter("factory.open"));
    static const shoji_factory_v1 kTable = {
        sizeof(shoji_factory_v1), 0, nullptr, CloseFactory, nullptr, nullptr, nullptr};
    return std::make_unique<Factory>(&kTable, reinterpret_cast<shoji_factory*>(&world_));
  }
  Result<std::unique_ptr<Shim>> OpenShim(const std::string&) override {
    SHOJI_RETURN_IF_ERROR(Enter("shim.open"));
    return std::make_unique<Shim>(&kFakeShim, &world_, nullptr);
  }
  Result<std::unique_ptr<Network>> OpenNetwork(const std::string&) override {
    SHOJI_RETURN_IF_ERROR(Enter("network.open"));
    return MakeFakeNetwork(world_);
  }
  Result<NewVm> MakeVm(Factory&, const Call&, const Factory::Request& request) override {
    SHOJI_RETURN_IF_ERROR(Enter("factory.new_vm"));
    const std::string run_dir = request.config.run_dir;
    const std::string dir = run_dir.substr(0, run_dir.rfind('/'));
    world_.Note("factory.new_vm", "shares=" + std::to_string(request.config.shares.size()));
    SHOJI_ASSIGN_OR_RETURN(FakeVm * vm, BootVm(&world_, run_dir));
    SHOJI_RETURN_IF_ERROR(Enter("factory.booted"));
    world_.machine().Boot(request.config);
    NewVm out;
    out.vm = std::make_unique<Vm>(&kFakeHypervisor, reinterpret_cast<shoji_vm*>(vm));
    out.held = out.cloned = world_.held();
    if (world_.held()) SHOJI_RETURN_IF_ERROR(MakeHeld(world_, dir));
    SHOJI_RETURN_IF_ERROR(WriteFile(dir + "/proxy/proxy.sock", ""));
    out.proxy = Wrap(dir + "/proxy/proxy.sock");
    out.agent = WrapAgent(dup(vm->pidfd.get()));
    return out;
  }
  Result<std::unique_ptr<Proxy>> StartProxy(const std::string&, const Call&,
                                            const Proxy::Params& params) override {
    SHOJI_RETURN_IF_ERROR(Enter("proxy.start"));
    world_.Note("proxy.start", params.sandbox_id + " " + params.agent_url);
    SHOJI_RETURN_IF_ERROR(WriteFile(params.run_dir + "/proxy.sock", ""));
    return Wrap(params.run_dir + "/proxy.sock");
  }
  Result<std::unique_ptr<Proxy>> AttachProxy(const std::string&, const Call&,
                                             std::string_view state) override {
    SHOJI_RETURN_IF_ERROR(Enter("proxy.attach"));
    return Wrap(std::string(state));
  }
  Result<std::unique_ptr<Agent>> OpenAgent(const std::string&, const Proxy&) override {
    SHOJI_RETURN_IF_ERROR(Enter("agent.open"));
    return WrapAgent(-1);
  }

 private:
  static void CloseFactory(shoji_factory*) {}
  Status Enter(const std::string& slot) {
    PluginError error;
    const std::int32_t code = world_.Enter(slot, error.get());
    return error.ToStatus("fake", slot, code);
  }
  std::unique_ptr<Proxy> Wrap(const std::string& socket) {
    world_.Made("proxy");
    return std::make_unique<Proxy>(&kFakeProxy,
                                   reinterpret_cast<shoji_proxy*>(new FakeProxy{&world_, socket}));
  }
  std::unique_ptr<Agent> WrapAgent(int vm_fd) {
    world_.Made("agent");
    return std::make_unique<Agent>(
        &kFakeAgent, reinterpret_cast<shoji_agent*>(new FakeAgent{&world_, UniqueFd(vm_fd)}));
  }
  FakeWorld& world_;
};

}  // namespace

std::unique_ptr<Store> MakeFakeStore(FakeWorld& world) {
  (void)MakeDirs(world.dir() + "/store");
  return std::make_unique<Store>(&kFakeStore,
                                 reinterpret_cast<shoji_store*>(new FakeStore{&world}));
}

std::unique_ptr<Plugins> MakeFakePlugins(FakeWorld& world) {
  return std::make_unique<FakePlugins>(world);
}

std::shared_ptr<Context> MakeFakeContext(FakeWorld& world, Settings settings) {
  settings.root = world.root();
  settings.lock_limit = std::chrono::seconds(5);
  settings.call_limit = std::chrono::seconds(5);
  settings.stop_limit = std::chrono::seconds(2);
  settings.max_vcpus = 16;
  settings.max_memory_bytes = 1ULL << 40U;
  return std::make_shared<Context>(settings, MakeFakePlugins(world), nullptr, nullptr);
}

TempDir::TempDir() {
  char name[] = "/tmp/shoji-core-XXXXXX";
  path_ = mkdtemp(name);
}

TempDir::~TempDir() {
  (void)UnmountBelow(path_);
  (void)RemoveTree(path_);
}

bool EnterMountNamespace() { return unshare(CLONE_NEWNS) == 0 && MakeMountsPrivate().ok(); }

}  // namespace shoji::testing

// Typed wrappers over the C tables of plugins.
//
// Purpose  The rest of the core speaks C++ and Status to plugins through these classes;
//          only the files of this folder touch the C ABI.
// Threads  As the slots behind them (plugin-api): calls on Vm take turns, all others
//          may run side by side.
// Life     Each object releases its handle when destroyed; destroying a Vm or a Proxy
//          leaves the VM or the proxy process alone.
// Errors   The plugin's own. A failure without a message becomes INTERNAL and names plugin
//          and call, as does an answer that breaks the contract. `name` ("store filesystem")
//          stands in such messages.
// Example  SHOJI_ASSIGN_OR_RETURN(auto store, host.OpenStore("filesystem"));
//          SHOJI_RETURN_IF_ERROR(store->Save({}, "a/b", bytes));
#ifndef SHOJI_CORE_PLUGIN_INTERFACES_H_
#define SHOJI_CORE_PLUGIN_INTERFACES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/call.h"
#include "plugin/device.h"
#include "shoji/base/unique_fd.h"
#include "shoji/plugin/agent.h"
#include "shoji/plugin/factory.h"
#include "shoji/plugin/factory_server.h"
#include "shoji/plugin/hypervisor.h"
#include "shoji/plugin/proxy.h"
#include "shoji/plugin/shim.h"
#include "shoji/plugin/store.h"
#include "shoji/status.h"

namespace shoji {

class Store {
 public:
  struct Op {
    bool remove = false;
    std::string key;
    std::string value;
  };
  Store(const shoji_store_v1* table, shoji_store* handle, std::string name = "store");
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const std::string& name() const { return name_; }
  Status Save(const Call& call, std::string_view key, std::string_view value);
  Result<std::string> Load(const Call& call, std::string_view key);
  Status Remove(const Call& call, std::string_view key);
  bool can_scan() const;
  Result<std::vector<std::string>> Scan(const Call& call, std::string_view prefix);
  bool has_transactions() const;
  // All or none when has_transactions(); else in order, as far as it gets.
  Status Apply(const Call& call, const std::vector<Op>& ops);

 private:
  const shoji_store_v1* table_;
  shoji_store* handle_;
  const shoji_store_scan_v1* scan_;
  const shoji_store_txn_v1* txn_;
  std::string name_;
};

struct VmConfig {
  std::string id;
  std::uint32_t vcpus = 1;
  std::uint64_t memory_bytes = 0;
  std::string run_dir;
  std::string kernel;
  std::string initrd;
  std::string kernel_params;
  std::vector<VmShare> shares;
  std::string image;
  std::string memory_path;  // SHOJI_VM_MEMORY_FILE when it is given
  std::vector<VmDevice> devices;
};

class Vm {
 public:
  Vm(const shoji_hypervisor_v1* table, shoji_vm* handle, std::string name = "hypervisor");
  ~Vm();
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  Status Stop(const Call& call, bool force);
  int wait_fd() const;  // readable when the VM is gone; borrowed
  Result<std::vector<std::int32_t>> Pids();
  Result<std::string> AgentEndpoint();
  std::string LastWords();  // empty when nothing is known
  Result<std::string> SaveState();
  // Stops by force, removes what it left; the handle is gone afterwards.
  Status Destroy(const Call& call);

  // -- vm_extensions.cc: what this VM may not offer (UNIMPLEMENTED).
  bool can_hotplug() const;
  bool can_resize() const;
  bool can_pause() const;
  bool can_save() const;
  // JSON: where the guest finds it. Of a device with this id and content that is there already,
  // the same answer.
  Result<std::string> AttachDevice(const Call& call, const VmDevice& device);
  Status DetachDevice(const Call& call, std::string_view id);
  Status LimitBlock(const Call& call, std::string_view id, const DiskLimits* limits);
  Result<VmSize> Size(const Call& call);
  Result<VmSize> SetVcpus(const Call& call, std::uint32_t vcpus);
  // `block_bytes`: the guest's memory block, 0: unknown.
  Result<VmSize> SetMemory(const Call& call, std::uint64_t bytes, std::uint64_t block_bytes);
  // JSON of grpc.Storage without its mount point.
  Result<std::string> ShareMount(std::string_view tag);
  Status Pause(const Call& call);
  Status Resume(const Call& call);
  Status SaveSnapshot(const Call& call, const std::string& dir, bool shared_memory);
  Result<UniqueFd> OpenConsole(const Call& call);
  Result<VmStats> Stats(const Call& call);

 private:
  friend class Hypervisor;
  const void* Extension(const char* id) const;

  const shoji_hypervisor_v1* table_;
  shoji_vm* handle_;
  std::string name_;
};

class Hypervisor {
 public:
  Hypervisor(const shoji_hypervisor_v1* table, shoji_hypervisor* handle, std::string id);
  ~Hypervisor();
  Hypervisor(const Hypervisor&) = delete;
  Hypervisor& operator=(const Hypervisor&) = delete;

  const std::string& id() const { return id_; }
  // JSON report; a machine that cannot is an error whose detail "report" has it.
  Result<std::string> Check(const Call& call);
  // `gone`: the process behind the state is no more; Destroy() the Vm to clean up.
  struct Attached {
    std::unique_ptr<Vm> vm;
    bool gone = false;
  };
  Result<Attached> Attach(const Call& call, std::string_view state);
  // Whether a VM of this configuration could be saved; starts none.
  Result<bool> CanSnapshot(const Call& call, const VmConfig& config);
  // A paused VM made from what Vm::SaveSnapshot() wrote into `dir`.
  Result<std::unique_ptr<Vm>> Restore(const Call& call, const std::string& dir,
                                      const VmConfig& config, bool shared_memory);
  const shoji_hypervisor_v1* table() const { return table_; }
  shoji_hypervisor* handle() const { return handle_; }

 private:
  Result<const void*> SnapshotTable(const Call& call, const shoji_vm_config* config);

  const shoji_hypervisor_v1* table_;
  shoji_hypervisor* handle_;
  std::string id_;
};

class Proxy {
 public:
  Proxy(const shoji_proxy_v1* table, shoji_proxy* handle, std::string name = "proxy");
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // What a new one is started with (PluginHost::StartProxy).
  struct Params {
    std::string sandbox_id;
    std::string run_dir;
    std::string agent_url;
    std::string console_url;  // empty: nobody watches the console
  };
  struct Info {
    std::int32_t pid = 0;
    std::string url;
  };
  Result<Info> GetInfo();
  Result<std::string> SaveState();
  Status Stop(const Call& call);  // the handle is gone afterwards
  const shoji_proxy_v1* table() const { return table_; }
  shoji_proxy* handle() const { return handle_; }

 private:
  const shoji_proxy_v1* table_;
  shoji_proxy* handle_;
  std::string name_;
};

class Shim {
 public:
  Shim(const shoji_shim_v1* table, void* plugin, const shoji_options* options,
       std::string name = "shim");
  struct Params {
    std::string sandbox_id;
    std::string container_id;
    std::string exec_id;
    std::string proxy_url;
    std::string console;  // path of a pty; empty: our descriptors 0, 1, 2
    bool terminal = false;
    bool detach = false;        // /dev/null instead
    std::string netns;          // path; empty: ours
    std::int32_t join_pid = 0;  // whose PID namespace; 0: a new one
    std::string token;          // by which it claims the streams; empty: the exec id does
  };
  Result<std::int32_t> Start(const Call& call, const Params& params);  // -1: built in
  Status Stop(const Call& call, std::int32_t pid);
  bool can_signal() const { return SHOJI_HAS_SLOT(shoji_shim_v1, table_, signal); }
  // By way of the container's shim `pid`. UNAVAILABLE: not possible, the agent has to be asked.
  Status Signal(const Call& call, const Params& params, std::int32_t pid, int signal);

 private:
  const shoji_shim_v1* table_;
  void* plugin_;
  const shoji_options* options_;
  std::string name_;
};

struct AgentStorage {
  std::string driver;
  std::string source;
  std::string fstype;
  std::string mount_point;
  std::vector<std::string> options;
  std::vector<std::string> driver_options;
};

// A device the guest waits for and puts into a container (Kata: grpc.Device).
struct AgentDevice {
  std::string id;
  std::string type;
  std::string vm_path;
  std::string container_path;
  std::vector<std::string> options;
};

struct ProcessRef {
  std::string container_id;
  std::string exec_id;
};

class Agent {
 public:
  Agent(const shoji_agent_v1* table, shoji_agent* handle, std::string name = "agent");
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  Status Check(const Call& call);
  Result<std::string> GuestDetails(const Call& call);
  struct SandboxRequest {
    std::string sandbox_id;
    std::string hostname;
    std::vector<std::string> dns;
    std::vector<AgentStorage> storages;
    bool shared_pid_namespace = false;
    std::string guest_hook_path;
  };
  Status CreateSandbox(const Call& call, const SandboxRequest& request);
  Status DestroySandbox(const Call& call);
  struct ContainerRequest {
    std::string container_id;
    std::string spec_json;
    std::vector<AgentStorage> storages;
    std::vector<AgentDevice> devices;
    bool shared_pid_namespace = false;
  };
  Status CreateContainer(const Call& call, const ContainerRequest& request);
  Status StartContainer(const Call& call, const std::string& container_id);
  Status RemoveContainer(const Call& call, const std::string& container_id,
                         std::uint32_t timeout_s);
  Status ExecProcess(const Call& call, const ProcessRef& process, const std::string& process_json);
  Status SignalProcess(const Call& call, const ProcessRef& process, int signal);
  Result<std::int32_t> WaitProcess(const Call& call, const ProcessRef& process);
  Result<std::size_t> WriteStdin(const Call& call, const ProcessRef& process,
                                 std::string_view data);
  Status CloseStdin(const Call& call, const ProcessRef& process);
  // Bytes read into `buffer`; OUT_OF_RANGE at the end.
  Result<std::size_t> ReadStdout(const Call& call, const ProcessRef& process, char* buffer,
                                 std::size_t size);
  Result<std::size_t> ReadStderr(const Call& call, const ProcessRef& process, char* buffer,
                                 std::size_t size);
  Status TtyWinResize(const Call& call, const ProcessRef& process, std::uint32_t rows,
                      std::uint32_t columns);
  Status ReseedRandom(const Call& call, std::string_view data);
  Status SetTime(const Call& call, std::int64_t seconds, std::int64_t microseconds);

  // -- agent_extensions.cc: what this agent may not offer (UNIMPLEMENTED). Texts are JSON, as
  //    shoji/plugin/agent_ext.h says.
  Status PauseContainer(const Call& call, const std::string& container_id);
  Status ResumeContainer(const Call& call, const std::string& container_id);
  Result<std::string> StatsContainer(const Call& call, const std::string& container_id);
  Result<std::string> ListProcesses(const Call& call, const std::string& container_id,
                                    const std::string& format,
                                    const std::vector<std::string>& args);
  Status UpdateContainer(const Call& call, const std::string& container_id,
                         const std::string& resources_json);
  Result<std::string> UpdateInterface(const Call& call, const std::string& interface_json);
  Result<std::string> UpdateRoutes(const Call& call, const std::string& routes_json);
  Result<std::string> ListInterfaces(const Call& call);
  Result<std::string> ListRoutes(const Call& call);
  Status AddNeighbors(const Call& call, const std::string& neighbors_json);
  // `flags`: SHOJI_ONLINE_*.
  Status Online(const Call& call, std::uint32_t cpus, std::uint32_t flags);
  Status ProbeMemory(const Call& call, const std::vector<std::uint64_t>& addresses);
  struct FilePiece {
    std::string path;
    std::uint32_t file_mode = 0644;
    std::uint32_t dir_mode = 0755;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t file_size = 0;
    std::uint64_t offset = 0;
    std::string_view data;
  };
  Status CopyPiece(const Call& call, const FilePiece& piece);
  // Blocks until a container of the guest ran out of memory: its id.
  Result<std::string> NextOom(const Call& call);
  // The token by which the shim of a process claims its streams; such an agent wants the shim
  // before the process. Empty: it needs none.
  bool shim_first() const;
  Result<std::string> ShimToken(const Call& call, const ProcessRef& process);
  // `paused` tells, from any thread, whether the VM is held on purpose: then its silence is no
  // sign of its death. At most once.
  Status ExcuseSilence(std::function<bool()> paused);

 private:
  const void* Extension(const char* id) const;

  const shoji_agent_v1* table_;
  shoji_agent* handle_;
  std::string name_;
  std::function<bool()> paused_;  // the plugin may call it until the handle is closed
};

// A running VM with its proxy and its live agent. The members are destroyed in reverse
// order, agent first: it speaks through the proxy.
struct NewVm {
  std::unique_ptr<Vm> vm;
  std::unique_ptr<Proxy> proxy;
  std::unique_ptr<Agent> agent;
  bool cloned = false;
  bool held = false;  // SHOJI_NEW_VM_HELD: it comes with a directory of its own
  // What it was made with, where that is not what was asked for; 0: as asked.
  std::uint32_t boot_vcpus = 0;
  std::uint64_t boot_memory_bytes = 0;
};

class Factory {
 public:
  Factory(const shoji_factory_v1* table, shoji_factory* handle, std::string name = "factory");
  ~Factory();
  Factory(const Factory&) = delete;
  Factory& operator=(const Factory&) = delete;

  struct Request {
    const Hypervisor* hypervisor = nullptr;
    std::string proxy_id;
    std::string agent_id;
    VmConfig config;
  };
  // `host_tables` of the returned objects come from the same plugin host.
  Result<shoji_new_vm> NewVmRaw(const Call& call, const Request& request);
  Result<std::string> GetStatus(const Call& call);
  Status DestroyPrepared(const Call& call);
  // shoji.factory.server/1 of the same plugin, when it offers that. Before any other call.
  void set_server(const shoji_factory_server_v1* server) { server_ = server; }
  bool can_prepare() const { return SHOJI_HAS_SLOT(shoji_factory_server_v1, server_, prepare); }
  bool can_serve() const { return SHOJI_HAS_SLOT(shoji_factory_server_v1, server_, serve); }
  // UNIMPLEMENTED when it cannot.
  Status Prepare(const Call& call, const Request& request);
  // Until another process asked it to end (OK) or the call is cancelled (CANCELLED).
  Status Serve(const Call& call, const Request& request, const std::string& socket_path);

 private:
  const shoji_factory_v1* table_;
  shoji_factory* handle_;
  std::string name_;
  const shoji_factory_server_v1* server_ = nullptr;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_INTERFACES_H_

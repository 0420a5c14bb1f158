// The management API: one configured instance of Shoji.
//
// Purpose  Create, find, run and remove sandboxes. A Runtime owns the plugin host, the
//          metadata and the configuration; there is no global state, so several may
//          live in one process.
// Threads  Every function may be called from any thread. Calls on different sandboxes
//          run side by side; calls that change one sandbox take turns, also between
//          processes, and give up with DEADLINE_EXCEEDED, naming the holder's pid.
// Example
//     auto runtime = shoji::Runtime::Create({});
//     if (!runtime.ok()) return Fail(runtime.status());
//     auto sandbox = (*runtime)->RunSandbox(config);
//     if (!sandbox.ok()) return Fail(sandbox.status());
//     auto exit_status = (*sandbox)->WaitProcess("web", "web");
//     (*runtime)->DeleteSandbox("web");
#ifndef SHOJI_RUNTIME_H_
#define SHOJI_RUNTIME_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shoji/config.h"
#include "shoji/export.h"
#include "shoji/sandbox.h"
#include "shoji/status.h"
#include "shoji/types.h"

// Of the plugin ABI (shoji/plugin/base.h, in the plugin SDK).
struct shoji_host;
struct shoji_plugin;
struct shoji_error;

namespace shoji {

// A plugin that is part of the embedding program: the same C table that a shared object would
// give, without one. It is fully trusted: it runs in this process, and neither plugins.trust
// nor any other check applies to it.
struct InProcessPlugin {
  // What a plugin file has in its note, in the text format of shoji/plugin/note.h:
  //   SHOJI_NOTE_PLUGIN("store", "com.example.kv", "1.0", "Example", "MIT")
  //   SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.store/1", "0")
  std::string note;
  // As shoji_plugin_open_v1() of a plugin file. Called when the plugin is first used, once
  // for each Runtime, on a thread of its own.
  std::int32_t (*open)(const shoji_host* host, shoji_plugin* ret_plugin,
                       shoji_error* error) = nullptr;
};

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };

struct RuntimeOptions {
  // Configuration files, later ones win; a directory stands for its *.toml in order.
  // A file that is missing is an error unless it is one of the two defaults.
  std::vector<std::string> config_files = {"/etc/shoji/shoji.toml", "/etc/shoji/conf.d"};
  // {"sandbox.shim", "katashim"}: in the place of the declared default, so that files, environment
  // and overrides win. INVALID_ARGUMENT for an option that nobody declares.
  std::vector<std::pair<std::string, std::string>> defaults;
  bool use_environment = true;  // SHOJI_HYPERVISOR_QEMU_MEMORY=...
  // {"hypervisor.qemu.memory", "512M"}: wins over files and environment.
  std::vector<std::pair<std::string, std::string>> overrides;
  // Win over plugin files of the same kind and id; chosen like those (sandbox.store = ...).
  std::vector<InProcessPlugin> plugins;
  // Receives each log line; nothing: stderr.
  std::function<void(LogLevel, const std::string&)> log_sink;
  // Told of each finished stage, from the thread that finished it.
  std::function<void(const Span&)> on_span;
  // Readable = give up: CreateSandbox, RunSandbox, Start and FetchSandbox under way return
  // CANCELLED, with everything undone. Borrowed; -1: cannot be cancelled.
  int cancel_fd = -1;
};

// An option of the core or of a plugin, with the value it has here.
struct OptionInfo {
  std::string name;   // "hypervisor.qemu.memory"
  std::string type;   // "string", "int", "bool", "size", "path", "list" or "duration"
  std::string value;  // as it may stand in a file: "256M", "10s"; items separated by '\n'
  std::string default_value;
  std::string origin;   // "default", "/etc/shoji/shoji.toml:12", "environment", "command line"
  bool secret = false;  // then both values are empty
  bool set = false;     // somewhere, not by default
  std::string help;
};

class SHOJI_API Runtime {
 public:
  // Reads the configuration and the notes of the plugins; loads no plugin yet.
  // INVALID_ARGUMENT names file, line, option and the likely correct spelling.
  static Result<std::unique_ptr<Runtime>> Create(RuntimeOptions options);

  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  // Sandboxes this Runtime created and did not release, stop or delete stay as they are;
  // CollectGarbage() of any process then removes them.
  ~Runtime();

  // Creates and starts the VM, creates its containers, starts none of them. On failure
  // everything is undone. ALREADY_EXISTS when the id is taken.
  Result<std::shared_ptr<Sandbox>> CreateSandbox(const SandboxConfig& config);

  // Connects to an existing sandbox. NOT_FOUND.
  Result<std::shared_ptr<Sandbox>> FetchSandbox(const std::string& id);

  // All sandboxes. One whose record cannot be read is left out and logged.
  Result<std::vector<SandboxStatus>> ListSandboxes();

  // One sandbox in detail. Does not talk to the guest.
  Result<SandboxStatus> StatusSandbox(const std::string& id);

  // Starts the sandbox and all its containers; when one cannot be started, those started
  // before it are stopped again.
  Result<std::shared_ptr<Sandbox>> StartSandbox(const std::string& id);

  // CreateSandbox, then Start; on failure nothing is left.
  Result<std::shared_ptr<Sandbox>> RunSandbox(const SandboxConfig& config);

  // Stops the containers and the VM. Success when already stopped. With `force` guest
  // errors do not matter.
  Status StopSandbox(const std::string& id, bool force = false);

  // Stops if need be, then removes every record and resource.
  Status DeleteSandbox(const std::string& id);

  // A sandbox from what Sandbox::Save() wrote, under another id: its containers go on where
  // they were, with a right clock and fresh random numbers; the host name of the guest stays.
  // Disks must hold what they held then. The ids of its containers must be free on this host,
  // for the guest knows them by those: ALREADY_EXISTS. INVALID_ARGUMENT names what differs,
  // DATA_LOSS what is missing. This process holds it, as CreateSandbox(). On failure everything
  // is undone.
  Result<std::shared_ptr<Sandbox>> RestoreSandbox(const std::string& id, const std::string& dir);

  // The containers of all sandboxes. One whose record cannot be read is left out and logged.
  Result<std::vector<ContainerStatus>> ListContainers();

  // Those that do not exist yet because some process is just making them: their hooks run. Until
  // they exist nothing else can be done with them; `state` means nothing, `shim_pid` is the VMM.
  std::vector<ContainerStatus> ContainersBeingMade();

  // The sandbox a container belongs to. NOT_FOUND.
  Result<std::string> SandboxOfContainer(const std::string& container_id);

  // Removes what killed processes left: sandboxes whose owner is gone and that were not
  // released, and processes, mounts and directories without a record.
  Result<GarbageReport> CollectGarbage(bool dry_run = false);

  // The configured factory (sandbox.factory), without a sandbox. Those about preparing and
  // serving are FAILED_PRECONDITION for a factory that makes nothing in advance.
  //
  // Makes ready what the factory needs, instead of on the first CreateSandbox(): a template, or
  // VMs that wait in this process for as long as this Runtime lives.
  Status PrepareFactory();
  // JSON: {"ready": count of VMs, "detail": text, ...}.
  Result<std::string> FactoryStatus();
  // Removes what was prepared, here or by a server that then ends. Success when there is nothing.
  Status DestroyFactory();
  // Keeps VMs ready for other processes, which ask at the unix socket (empty: the configured
  // one). Returns when one of them asks it to end, or when RuntimeOptions::cancel_fd gets
  // readable; nothing is left then.
  Status ServeFactory(const std::string& socket = {});

  // Every plugin, with the reason where one is refused. Loads none.
  std::vector<PluginInfo> Plugins() const;

  // Every option, in order of declaration.
  std::vector<OptionInfo> Options() const;

  // What this Runtime would say of one file that need not be in the search path; runs none
  // of its code. `status` of the result tells whether it would be loaded.
  PluginInfo CheckPlugin(const std::string& path) const;

  // Can this machine run VMs with the hypervisor in force? Loads its plugin; starts nothing.
  Result<HypervisorReport> CheckHypervisor();

  // Loads and opens a plugin, as its first use would: says why that fails. `id` empty: the one
  // in force.
  Status LoadPlugin(const std::string& kind, const std::string& id = {});

  // What a sandbox boots that asks for nothing else; its hashes are empty.
  Assets GuestAssets() const;

  // The numbers that plugins keep, a value for each name. A plugin has at most 257.
  std::vector<Metric> Metrics() const;

  // The value of an option after files, environment and overrides. NOT_FOUND.
  Result<std::string> Option(const std::string& name) const;

 private:
  friend class Sandbox;
  struct Impl;
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "0.1.0": of this library. Semantic versioning of the C++ API.
SHOJI_API std::string ApiVersion();

}  // namespace shoji

#endif  // SHOJI_RUNTIME_H_

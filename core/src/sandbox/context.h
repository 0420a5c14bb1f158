// What all sandboxes of one Runtime share.
//
// Purpose  Settings, plugins (opened when first needed), metadata, and the sandboxes this
//          process has objects for.
// Threads  Safe.
// Life     Sandboxes hold it, so it outlives the Runtime while one of them is in use.
// Example  SHOJI_ASSIGN_OR_RETURN(Metadata* metadata, context->metadata());
#ifndef SHOJI_CORE_SANDBOX_CONTEXT_H_
#define SHOJI_CORE_SANDBOX_CONTEXT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/shim_children.h"
#include "metadata/metadata.h"
#include "request/assets.h"
#include "sandbox/plugins.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/runtime.h"
#include "shoji/status.h"

namespace shoji {

class SandboxObject;

struct Settings {
  std::string root = "/run/shoji";  // without symbolic links
  std::string store;                // plugin ids
  std::string hypervisor;
  std::string factory;
  std::string proxy;
  std::string shim;
  std::string agent;
  std::string network;
  BootFiles boot;                        // kernel, initrd, image, parameters
  std::vector<std::string> annotations;  // that are allowed
  std::string cgroup_parent;             // empty: no control group
  std::uint32_t vcpus = 1;
  std::uint64_t memory_bytes = 256U << 20U;
  // What a sandbox may grow to by its containers; 0: what the host has.
  std::uint32_t max_vcpus = 0;
  std::uint64_t max_memory_bytes = 0;
  std::chrono::nanoseconds boot_limit = std::chrono::seconds(120);
  std::chrono::nanoseconds lock_limit = std::chrono::seconds(30);
  std::chrono::nanoseconds call_limit = std::chrono::seconds(60);
  std::chrono::nanoseconds stop_limit = std::chrono::seconds(10);
  int cancel_fd = -1;  // of RuntimeOptions
};

class Context {
 public:
  using LogFunction = std::function<void(LogLevel, const std::string&)>;
  using SpanFunction = std::function<void(const Span&)>;

  Context(Settings settings, std::unique_ptr<Plugins> plugins, LogFunction log,
          SpanFunction on_span);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Settings& settings() const { return settings_; }
  Plugins& plugins() { return *plugins_; }

  // Opened when first asked for; the pointers live as long as this object.
  Result<Metadata*> metadata() SHOJI_EXCLUDES(mutex_);
  Result<Hypervisor*> hypervisor(const std::string& id) SHOJI_EXCLUDES(mutex_);
  Result<Factory*> factory(const std::string& id) SHOJI_EXCLUDES(mutex_);
  Result<Shim*> shim(const std::string& id) SHOJI_EXCLUDES(mutex_);
  Result<Network*> network(const std::string& id) SHOJI_EXCLUDES(mutex_);

  void Log(LogLevel level, const std::string& text) const;
  // Reports the stage `name` that began at `begin_ns` and ends now.
  void EmitSpan(const std::string& name, std::int64_t begin_ns) const;

  // Shims that this process started.
  ShimChildren& shim_children() { return shim_children_; }

  Call call() const;  // with the time limit of one call
  // The same for what makes something new: also the caller may call it off. Undoing and
  // ending things go on all the same.
  Call making_call() const;

  // The object this process has for a sandbox, or nothing.
  std::shared_ptr<SandboxObject> FindObject(const std::string& id) SHOJI_EXCLUDES(mutex_);
  // `hold`: keep it (and with it the ownership) until ForgetObject() or ForgetAll().
  void RememberObject(const std::string& id, const std::shared_ptr<SandboxObject>& object,
                      bool hold) SHOJI_EXCLUDES(mutex_);
  void ForgetObject(const std::string& id) SHOJI_EXCLUDES(mutex_);
  void ForgetAll() SHOJI_EXCLUDES(mutex_);

 private:
  struct Entry {
    std::weak_ptr<SandboxObject> object;
    std::shared_ptr<SandboxObject> held;
  };

  const Settings settings_;
  const std::unique_ptr<Plugins> plugins_;  // outlives what it opened
  const LogFunction log_;
  const SpanFunction on_span_;
  ShimChildren shim_children_;
  Mutex mutex_;
  std::unique_ptr<Metadata> metadata_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<Hypervisor>> hypervisors_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<Factory>> factories_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<Shim>> shims_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<Network>> networks_ SHOJI_GUARDED_BY(mutex_);
  std::map<std::string, Entry> objects_ SHOJI_GUARDED_BY(mutex_);
};

// Reports a stage from its construction to its end, unless it failed.
class SpanTimer {
 public:
  SpanTimer(const Context& context, std::string name);
  void Finish() { context_.EmitSpan(name_, begin_ns_); }

 private:
  const Context& context_;
  std::string name_;
  std::int64_t begin_ns_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_CONTEXT_H_

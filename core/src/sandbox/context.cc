#include "sandbox/context.h"

#include <utility>

#include "sandbox/object.h"
#include "shoji/base/deadline.h"
#include "shoji/base/file.h"

namespace shoji {

Context::Context(Settings settings, std::unique_ptr<Plugins> plugins, LogFunction log,
                 SpanFunction on_span)
    : settings_(std::move(settings)),
      plugins_(std::move(plugins)),
      log_(std::move(log)),
      on_span_(std::move(on_span)) {}

Context::~Context() = default;

Result<Metadata*> Context::metadata() {
  const MutexLock lock(mutex_);
  if (metadata_ == nullptr) {
    SHOJI_RETURN_IF_ERROR(MakeDirs(settings_.root, 0711));
    SHOJI_ASSIGN_OR_RETURN(auto store, plugins_->OpenStore(settings_.store));
    metadata_ = std::make_unique<Metadata>(std::move(store), settings_.root + "/index.lock");
  }
  return metadata_.get();
}

Result<Hypervisor*> Context::hypervisor(const std::string& id) {
  const MutexLock lock(mutex_);
  auto& slot = hypervisors_[id];
  if (slot == nullptr) {
    SHOJI_ASSIGN_OR_RETURN(slot, plugins_->OpenHypervisor(id));
  }
  return slot.get();
}

Result<Factory*> Context::factory(const std::string& id) {
  const MutexLock lock(mutex_);
  auto& slot = factories_[id];
  if (slot == nullptr) {
    SHOJI_ASSIGN_OR_RETURN(slot, plugins_->OpenFactory(id));
  }
  return slot.get();
}

Result<Shim*> Context::shim(const std::string& id) {
  const MutexLock lock(mutex_);
  auto& slot = shims_[id];
  if (slot == nullptr) {
    SHOJI_ASSIGN_OR_RETURN(slot, plugins_->OpenShim(id));
  }
  return slot.get();
}

Result<Network*> Context::network(const std::string& id) {
  const MutexLock lock(mutex_);
  auto& slot = networks_[id];
  if (slot == nullptr) {
    SHOJI_ASSIGN_OR_RETURN(slot, plugins_->OpenNetwork(id));
  }
  return slot.get();
}

void Context::Log(LogLevel level, const std::string& text) const {
  if (log_) log_(level, text);
}

void Context::EmitSpan(const std::string& name, std::int64_t begin_ns) const {
  if (on_span_) on_span_(Span{name, begin_ns, Deadline::NowNanos()});
}

Call Context::call() const { return Call{Deadline::After(settings_.call_limit), -1}; }

Call Context::making_call() const {
  return Call{Deadline::After(settings_.call_limit), settings_.cancel_fd};
}

std::shared_ptr<SandboxObject> Context::FindObject(const std::string& id) {
  const MutexLock lock(mutex_);
  const auto it = objects_.find(id);
  return it == objects_.end() ? nullptr : it->second.object.lock();
}

void Context::RememberObject(const std::string& id, const std::shared_ptr<SandboxObject>& object,
                             bool hold) {
  const MutexLock lock(mutex_);
  objects_[id] = Entry{object, hold ? object : nullptr};
}

void Context::ForgetObject(const std::string& id) {
  Entry dropped;  // dies outside the lock: the object may be ours to destroy
  {
    const MutexLock lock(mutex_);
    if (const auto it = objects_.find(id); it != objects_.end()) {
      dropped = std::move(it->second);
      objects_.erase(it);
    }
  }
}

void Context::ForgetAll() {
  std::map<std::string, Entry> dropped;
  {
    const MutexLock lock(mutex_);
    dropped.swap(objects_);
  }
}

SpanTimer::SpanTimer(const Context& context, std::string name)
    : context_(context), name_(std::move(name)), begin_ns_(Deadline::NowNanos()) {}

}  // namespace shoji

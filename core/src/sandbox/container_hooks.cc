#include "sandbox/container_hooks.h"

namespace shoji {
namespace {

// What a hook that looks at /proc/<pid> can use: the shim, else the VMM, which is in the
// network namespace of the sandbox.
std::int32_t PidOf(const SandboxRecord& record, const ContainerRecord& container) {
  if (container.shim_pid > 0) return container.shim_pid;
  return record.vm_processes.empty() ? 0 : record.vm_processes.front().pid;
}

}  // namespace

Result<ContainerHooks> ContainerHooks::Of(const Context& context, const SandboxRecord& record,
                                          const ContainerRecord& container) {
  const ContainerConfig& config = container.config;
  SHOJI_ASSIGN_OR_RETURN(HostHooks hooks, HooksOf(config));
  HookState state{config.id, "", PidOf(record, container), config.bundle, config.annotations};
  return ContainerHooks(context, std::move(hooks), std::move(state));
}

HookState ContainerHooks::In(const char* status) const {
  HookState out = state_;
  out.status = status;
  return out;
}

Status ContainerHooks::Prestart() const {
  const auto limit = context_->settings().call_limit;
  SHOJI_RETURN_IF_ERROR(RunHooks(hooks_.hooks.prestart, "prestart", In("creating"), limit));
  return RunHooks(hooks_.create_runtime, "createRuntime", In("creating"), limit);
}

Status ContainerHooks::CreateContainer(std::int32_t pid) const {
  HookState state = In("creating");
  if (pid > 0) state.pid = pid;
  return RunHooks(hooks_.create_container, "createContainer", state,
                  context_->settings().call_limit);
}

void ContainerHooks::Poststart() const {
  RunAllHooks(hooks_.hooks.poststart, "poststart", In("running"), context_->settings().call_limit,
              [this](const std::string& text) { context_->Log(LogLevel::kWarn, text); });
}

void ContainerHooks::Poststop() const {
  HookState state = In("stopped");
  state.pid = 0;
  RunAllHooks(hooks_.hooks.poststop, "poststop", state, context_->settings().call_limit,
              [this](const std::string& text) { context_->Log(LogLevel::kWarn, text); });
}

}  // namespace shoji

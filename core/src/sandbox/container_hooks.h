// The hooks of one container at one point of its life.
//
// Purpose  A value that can be kept for an undo: what to run and what to tell it.
// Threads  Safe.
// Example
//     SHOJI_ASSIGN_OR_RETURN(const auto hooks, ContainerHooks::Of(context, record, container));
//     undo.Push([hooks] { hooks.Poststop(); });
//     SHOJI_RETURN_IF_ERROR(hooks.Prestart());
#ifndef SHOJI_CORE_SANDBOX_CONTAINER_HOOKS_H_
#define SHOJI_CORE_SANDBOX_CONTAINER_HOOKS_H_

#include <cstdint>
#include <string>
#include <utility>

#include "metadata/record.h"
#include "oci/hooks.h"
#include "sandbox/context.h"
#include "shoji/status.h"

namespace shoji {

class ContainerHooks {
 public:
  // `context` outlives it.
  static Result<ContainerHooks> Of(const Context& context, const SandboxRecord& record,
                                   const ContainerRecord& container);

  Status Prestart() const;  // those of createRuntime, too
  // `pid`: stands for the container now.
  Status CreateContainer(std::int32_t pid) const;
  void Poststart() const;  // failures are warnings in the log
  void Poststop() const;

 private:
  ContainerHooks(const Context& context, HostHooks hooks, HookState state)
      : context_(&context), hooks_(std::move(hooks)), state_(std::move(state)) {}
  HookState In(const char* status) const;

  const Context* context_;
  HostHooks hooks_;
  HookState state_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_CONTAINER_HOOKS_H_

// What a shoji::Sandbox holds.
//
// Threads  Safe.
// Example  std::make_shared<Sandbox::Impl>(context, object)
#ifndef SHOJI_CORE_SANDBOX_SANDBOX_IMPL_H_
#define SHOJI_CORE_SANDBOX_SANDBOX_IMPL_H_

#include <memory>
#include <utility>

#include "sandbox/context.h"
#include "sandbox/object.h"
#include "shoji/sandbox.h"

namespace shoji {

class Sandbox::Impl {
 public:
  Impl(std::shared_ptr<Context> the_context, std::shared_ptr<SandboxObject> the_object)
      : context(std::move(the_context)), object(std::move(the_object)) {}
  const std::shared_ptr<Context> context;
  const std::shared_ptr<SandboxObject> object;
};

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_SANDBOX_IMPL_H_

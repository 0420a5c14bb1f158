// The standard streams of a process in the guest, over the agent's calls.
//
// Threads  As shoji::ProcessIo.
// Example  auto io = MakeProcessIo(context, link, {"web", "web"});
#ifndef SHOJI_CORE_SANDBOX_IO_H_
#define SHOJI_CORE_SANDBOX_IO_H_

#include <memory>

#include "sandbox/context.h"
#include "sandbox/link.h"
#include "shoji/sandbox.h"

namespace shoji {

// Holds the link weakly: a stream nobody reads keeps no VM.
std::unique_ptr<ProcessIo> MakeProcessIo(std::shared_ptr<Context> context,
                                         const std::shared_ptr<Link>& link, ProcessRef process);

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_IO_H_

// What the commands of container engines share.
//
// Purpose  Finding a container by its id, its state in the words of the OCI specification, the
//          pid that stands for it, and a Runtime with the parts that live on without us.
// Threads  Safe, no state.
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_ENGINE_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "command.h"
#include "shoji/runtime.h"
#include "shoji/status.h"

namespace shoji::cli {

inline constexpr const char* kOciVersion = "1.0.2";

// NOT_FOUND: "container `ID` does not exist", which engines look for.
Status NoSuchContainer(const std::string& id);
Result<ContainerStatus> FindContainer(Runtime& runtime, const std::string& id);

// "created", "running", "paused" or "stopped".
const char* OciState(State state);

// INVALID_ARGUMENT unless the words are one id.
Result<std::string> TheId(const Invocation& invocation);
// The same for a container that is to be made: the id must be one that can be.
Result<std::string> NewId(const Invocation& invocation);

// A Runtime whose proxies and shims are processes of their own, unless the operator chose others.
Result<std::unique_ptr<Runtime>> OpenEngineRuntime(const Invocation& invocation,
                                                   RuntimeOptions extra = {});

// Host pid for a pid file: the shim of the process; where shims are built in, the VMM.
Result<std::int32_t> PidFor(Sandbox& sandbox, const std::string& container_id,
                            const std::string& process_id);
Status WritePidFile(const std::string& path, std::int32_t pid);

// What the container's descriptors beyond 0, 1, 2 would need: --preserve-fds N is refused but 0.
Status CheckPreserveFds(const Invocation& invocation);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_ENGINE_H_

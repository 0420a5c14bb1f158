// Limits of containers as linux.resources of the OCI runtime specification.
//
// Purpose  From our struct to JSON and together with those of a specification; and how much of
//          the sandbox a container needs by them.
// Threads  Safe, no state.
// Errors   INVALID_ARGUMENT names the field.
// Example  SHOJI_ASSIGN_OR_RETURN(ResourceNeed need, NeedOf(container.config));
#ifndef SHOJI_CORE_OCI_RESOURCES_H_
#define SHOJI_CORE_OCI_RESOURCES_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

// An object, or empty for no limits at all.
Result<std::string> ResourcesJson(const Resources& resources);
// Checked: an object with objects for cpu, memory and pids, and numbers where there must be.
Result<nlohmann::json> ParseResources(const std::string& text);

// `older` with what `newer` says instead; each as ResourcesJson() gives.
Result<std::string> MergeResources(const std::string& older, const std::string& newer);
// What to send so that `older` holds again after `newer`: what only the latter limits is
// unlimited.
Result<std::string> UndoResources(const std::string& older, const std::string& newer);

// Those of the specification and `resources` together, as ResourcesJson() gives.
Result<std::string> AllResources(const ContainerConfig& config);

struct ResourceNeed {
  std::uint64_t milli_cpus = 0;
  std::uint64_t memory_bytes = 0;
  bool operator==(const ResourceNeed&) const = default;
};
// By `resources`, and by the specification where there is one; what is not limited needs
// nothing of its own.
Result<ResourceNeed> NeedOf(const ContainerConfig& config);

}  // namespace shoji

#endif  // SHOJI_CORE_OCI_RESOURCES_H_

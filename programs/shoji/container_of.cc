#include "container_of.h"

#include <utility>

namespace shoji::cli {
namespace {

Result<Target> FindContainer(Runtime& runtime, const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(const std::string sandbox, runtime.SandboxOfContainer(id));
  SHOJI_ASSIGN_OR_RETURN(auto object, runtime.FetchSandbox(sandbox));
  return Target{std::move(object), id};
}

Result<Target> FindSandbox(Runtime& runtime, const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(auto object, runtime.FetchSandbox(id));
  return Target{std::move(object), ""};
}

}  // namespace

Result<Target> FindTarget(Runtime& runtime, const std::string& id, bool whole) {
  auto first = whole ? FindSandbox(runtime, id) : FindContainer(runtime, id);
  if (first.ok() || first.status().code() != StatusCode::kNotFound) return first;
  auto second = whole ? FindContainer(runtime, id) : FindSandbox(runtime, id);
  if (second.ok() || second.status().code() != StatusCode::kNotFound) return second;
  return NotFound("there is no sandbox and no container \"" + id + "\"; see shoji list");
}

}  // namespace shoji::cli

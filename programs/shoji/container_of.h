// From the id of a container, or of a sandbox, to the object.
//
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(const Target target, FindTarget(*runtime, "web"));
#ifndef SHOJI_PROGRAMS_SHOJI_CONTAINER_OF_H_
#define SHOJI_PROGRAMS_SHOJI_CONTAINER_OF_H_

#include <memory>
#include <string>

#include "shoji/runtime.h"

namespace shoji::cli {

struct Target {
  std::shared_ptr<Sandbox> sandbox;
  std::string container_id;  // empty: the whole sandbox is meant
};

// A container of this id, and when there is none, a sandbox. NOT_FOUND. With `whole` a sandbox
// of this id comes first.
Result<Target> FindTarget(Runtime& runtime, const std::string& id, bool whole);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_CONTAINER_OF_H_

// The state of a container as engines read it (OCI: state), and a list of them.
//
// Threads  Safe, no state.
// Example  puts(StateJson(container).c_str());
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_STATE_JSON_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_STATE_JSON_H_

#include <string>
#include <vector>

#include "shoji/types.h"

namespace shoji::cli {

// "creating" instead of its state for one that is being made.
enum class Stage { kMade, kCreating };

std::string StateJson(const ContainerStatus& container, Stage stage = Stage::kMade);
// One line: an array, as runc and crun print it; those that are being made come last.
std::string StateListJson(const std::vector<ContainerStatus>& containers,
                          const std::vector<ContainerStatus>& being_made = {});

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_STATE_JSON_H_

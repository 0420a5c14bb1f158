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

std::string StateJson(const ContainerStatus& container);
// One line: an array, as runc and crun print it.
std::string StateListJson(const std::vector<ContainerStatus>& containers);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_STATE_JSON_H_

// The "process" object of a specification.
//
// Threads  Safe, no state.
// Example  spec["process"] = ProcessObject(cmd, user, BaseEnv(cmd, user, hostname));
#ifndef SHOJI_CORE_OCI_PROCESS_H_
#define SHOJI_CORE_OCI_PROCESS_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "oci/user.h"
#include "shoji/config.h"

namespace shoji {

// PATH, HOME, HOSTNAME and, with a terminal, TERM, where `envs` does not set them.
std::vector<std::string> WithDefaultEnv(std::vector<std::string> envs, bool terminal,
                                        const User& user, const std::string& hostname);

// `base`, in which each variable of `over` replaces the one with its name or is added.
std::vector<std::string> OverlayEnv(std::vector<std::string> base,
                                    const std::vector<std::string>& over);

// Takes out what the guest cannot apply: its kernel has none of the host's profiles and labels.
void EditProcess(nlohmann::json& process);

nlohmann::json ProcessObject(const Cmd& cmd, const User& user, const std::vector<std::string>& env);

}  // namespace shoji

#endif  // SHOJI_CORE_OCI_PROCESS_H_

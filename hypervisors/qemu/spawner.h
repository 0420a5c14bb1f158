// The host's shoji.spawn/1 service in C++.
//
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(Spawned qemu, SpawnByHost(host, id, argv, fds));
#ifndef SHOJI_HYPERVISORS_QEMU_SPAWNER_H_
#define SHOJI_HYPERVISORS_QEMU_SPAWNER_H_

#include <string>
#include <utility>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/sdk/plugin.h"
#include "shoji/status.h"

namespace shoji::qemu {

struct Spawned {
  std::int32_t pid = 0;
  UniqueFd pidfd;
};

// `fds`: {descriptor here, number in the child}. The process has a session of its own.
Result<Spawned> SpawnByHost(const sdk::Host& host, const std::string& sandbox_id,
                            const std::vector<std::string>& argv,
                            const std::vector<std::pair<int, int>>& fds);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_SPAWNER_H_

// What the services ask of the machine they run on.
//
// Threads  The loop's.
// Example  Machine machine; machine.need = [&](const std::string& f) { return modules.Load(f); };
#ifndef SHOJI_GUEST_AGENT_SERVICE_MACHINE_H_
#define SHOJI_GUEST_AGENT_SERVICE_MACHINE_H_

#include <functional>
#include <string>

#include "shoji/status.h"

namespace shoji::agent {

// Everything is done when it is needed, not before: the first answer shall not wait for it.
struct Machine {
  // Called before a sandbox or container is made.
  std::function<Status()> prepare = [] { return OkStatus(); };
  // Called before a file system or driver is used, with its name.
  std::function<Status(const std::string& feature)> need = [](const std::string&) {
    return OkStatus();
  };
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_MACHINE_H_

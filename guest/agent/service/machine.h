// What the services ask of the machine they run on.
//
// Threads  The loop's.
// Example  Machine machine; machine.need = [&](const std::string& f) { return modules.Load(f); };
#ifndef SHOJI_GUEST_AGENT_SERVICE_MACHINE_H_
#define SHOJI_GUEST_AGENT_SERVICE_MACHINE_H_

#include <functional>
#include <string>

#include "device/finder.h"
#include "shoji/base/file.h"
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
  // Loads a kernel module by its name; success when it is there already.
  std::function<Status(const std::string& name, const std::string& parameters)> load_module =
      [](const std::string& name, const std::string&) {
        return PathExists("/sys/module/" + name)
                   ? OkStatus()
                   : NotFound("kernel module " + name + " is not loaded");
      };
  // Where the kernel shows its hardware.
  DeviceRoots devices;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_MACHINE_H_

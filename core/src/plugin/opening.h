// Calls a plugin's entry function, with a time limit.
//
// Purpose  A plugin that hangs while it is loaded or opened must not hang its host. So it is
//          opened on a thread of its own; past the limit it is given up.
// Life     The thread of a plugin that was given up stays where it is: nothing can end it.
//          It keeps the Plugin alive and gets no service of the host any more. When it comes
//          back after all, what it opened is shut down again.
// Threads  Open() is called once for each plugin.
// Example  SHOJI_RETURN_IF_ERROR(OpenWithLimit(plugin, std::chrono::seconds(10)));
#ifndef SHOJI_CORE_PLUGIN_OPENING_H_
#define SHOJI_CORE_PLUGIN_OPENING_H_

#include <chrono>
#include <memory>

#include "plugin/plugin.h"
#include "shoji/status.h"

namespace shoji {

// Loads the file, calls the entry function, and looks at what it gave: afterwards the table
// of the required interface is there. DEADLINE_EXCEEDED names the file. 0: no limit.
Status OpenWithLimit(const std::shared_ptr<Plugin>& plugin, std::chrono::nanoseconds limit);

// Calls shutdown(), if there is one. What it throws is dropped.
void ShutDown(Plugin* plugin);

// The table of `interface_id`; INTERNAL when the plugin announces but does not give it, or
// when its size is none.
Result<const void*> FindInterface(const Plugin& plugin, const std::string& interface_id);

// For the time in which `user`, itself being opened, waits for another plugin.
class NestedOpening {
 public:
  NestedOpening(Plugin* user, std::chrono::nanoseconds limit);
  ~NestedOpening();
  NestedOpening(const NestedOpening&) = delete;
  NestedOpening& operator=(const NestedOpening&) = delete;

 private:
  Plugin* user_;
  std::chrono::nanoseconds limit_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_OPENING_H_

#include "plugin/opening.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>

#include "plugin/current_plugin.h"
#include "plugin/error.h"
#include "plugin/note.h"
#include "shoji/base/deadline.h"

namespace shoji {
namespace {

// No table of ours will be larger.
constexpr std::uint32_t kMaxTable = 64U << 10U;

std::string Called(const Plugin& plugin) { return "plugin " + plugin.name; }

Status CallEntry(Plugin* plugin) {
  const PluginMark mark(plugin->name.c_str(), plugin->where.c_str(), "in open()");
  PluginError error;
  std::int32_t code = SHOJI_OK;
  try {
    code = plugin->library.open()(&plugin->host, &plugin->table, error.get());
  } catch (abi::__forced_unwind&) {
    throw;         // pthread_exit()
  } catch (...) {  // against the contract, but no reason to end the program
    return Internal(Called(*plugin) + ": an exception left " SHOJI_PLUGIN_OPEN_SYMBOL);
  }
  // The struct is ours, and so is its size.
  plugin->table.struct_size = sizeof(shoji_plugin);
  Status status = error.ToStatus(plugin->name, SHOJI_PLUGIN_OPEN_SYMBOL, code);
  if (!status.ok()) return std::move(status).WithContext("cannot open " + Called(*plugin));
  if (plugin->table.get_interface == nullptr) {
    return Internal(Called(*plugin) + ": " SHOJI_PLUGIN_OPEN_SYMBOL " gave no get_interface");
  }
  const std::string wanted = RequiredInterface(plugin->scanned.info.kind);
  status = FindInterface(*plugin, wanted).status();
  if (!status.ok()) ShutDown(plugin);
  return status;
}

Status LoadAndCall(Plugin* plugin) {
  if (plugin->scanned.entry != nullptr) {
    plugin->library = Library::InProcess(plugin->scanned.entry);
  } else {
    const PluginMark mark(plugin->name.c_str(), plugin->where.c_str(), "while it was loaded");
    SHOJI_ASSIGN_OR_RETURN(plugin->library,
                           Library::Load(plugin->scanned.file.get(), plugin->where));
    plugin->scanned.file.reset();
  }
  plugin->table.struct_size = sizeof(shoji_plugin);
  return CallEntry(plugin);
}

// Whether somebody still waits for the result.
bool Tell(Plugin* plugin, const Status& status) {
  const MutexLock lock(plugin->opening.mutex);
  if (plugin->opening.given_up) return false;
  plugin->opening.result = status;
  plugin->opening.changed.notify_all();
  return true;
}

void Body(const std::shared_ptr<Plugin>& plugin) {
  try {
    const Status status = LoadAndCall(plugin.get());
    if (!Tell(plugin.get(), status) && status.ok()) ShutDown(plugin.get());
  } catch (abi::__forced_unwind&) {
    (void)Tell(plugin.get(), Internal(Called(*plugin) + " ended the thread that opened it"));
    throw;
  } catch (const std::exception& e) {  // of ours: out of memory
    (void)Tell(plugin.get(), Internal("cannot open " + Called(*plugin) + ": " + e.what()));
  }
}

Status Late(const Plugin& plugin, std::chrono::nanoseconds limit) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return DeadlineExceeded(Called(plugin) + " (" + plugin.where + ") did not open within " +
                          std::to_string(ms) +
                          " ms and is given up; plugins.open_timeout sets "
                          "the limit");
}

// The result, or nothing when the time is over.
std::optional<Status> Wait(Opening* opening) {
  const MutexLock lock(opening->mutex);
  while (!opening->result) {
    const bool never = opening->deadline_ns == 0 || opening->nested > 0;
    if (never) {
      opening->changed.wait(opening->mutex);
      continue;
    }
    const Deadline deadline = Deadline::FromNanos(opening->deadline_ns);
    if (deadline.passed()) {
      opening->given_up = true;
      return std::nullopt;
    }
    opening->changed.wait_until(
        opening->mutex, Deadline::Clock::time_point(std::chrono::nanoseconds(deadline.nanos())));
  }
  return opening->result;
}

// 0, never, also for what is too long to be meant.
std::int64_t NanosAfter(std::chrono::nanoseconds limit) {
  constexpr auto kYear = std::chrono::hours(24 * 365);
  return limit.count() <= 0 || limit > kYear ? 0 : Deadline::After(limit).nanos();
}

}  // namespace

Status OpenWithLimit(const std::shared_ptr<Plugin>& plugin, std::chrono::nanoseconds limit) {
  {
    const MutexLock lock(plugin->opening.mutex);
    plugin->opening.deadline_ns = NanosAfter(limit);
  }
  std::thread thread;
  try {
    thread = std::thread(Body, plugin);
  } catch (const std::system_error& e) {
    return ResourceExhausted("cannot start a thread to open " + Called(*plugin) + ": " + e.what());
  }
  std::optional<Status> result = Wait(&plugin->opening);
  if (result) {
    thread.join();
    return *std::move(result);
  }
  NotePluginGivenUp();
  thread.detach();
  return Late(*plugin, limit);
}

void ShutDown(Plugin* plugin) {
  if (!SHOJI_HAS_SLOT(shoji_plugin, &plugin->table, shutdown)) return;
  const PluginMark mark(plugin->name.c_str(), plugin->where.c_str(), "in shutdown()");
  try {
    plugin->table.shutdown(plugin->table.self);
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {  // against the contract; what it left undone we cannot know
    return;
  }
}

Result<const void*> FindInterface(const Plugin& plugin, const std::string& interface_id) {
  const void* table = nullptr;
  try {
    table = plugin.table.get_interface(plugin.table.self, interface_id.c_str());
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return Internal(Called(plugin) + ": an exception left get_interface");
  }
  const std::string what = Called(plugin) + " does not offer " + interface_id;
  if (table == nullptr) {
    if (!Announces(plugin.scanned.note, interface_id)) return Unimplemented(what);
    return Internal(what + " although its note announces it");
  }
  std::uint32_t size = 0;  // each table begins with it
  std::memcpy(&size, table, sizeof(size));
  if (size >= sizeof(std::uint64_t) && size <= kMaxTable) return table;
  return Internal(Called(plugin) + ": the table of " + interface_id + " has struct_size " +
                  std::to_string(size) + ", which is no size");
}

NestedOpening::NestedOpening(Plugin* user, std::chrono::nanoseconds limit)
    : user_(user), limit_(limit) {
  const MutexLock lock(user_->opening.mutex);
  ++user_->opening.nested;
  user_->opening.changed.notify_all();
}

NestedOpening::~NestedOpening() {
  const MutexLock lock(user_->opening.mutex);
  --user_->opening.nested;
  user_->opening.deadline_ns = NanosAfter(limit_);
  user_->opening.changed.notify_all();
}

}  // namespace shoji

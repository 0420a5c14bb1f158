// What the embedder gives the plugins: the one place that lists it.
//
// Threads  Constant; the functions may be called from any thread.
// Example  services.log = [&](LogLevel level, const std::string& line) { ... };
#ifndef SHOJI_CORE_PLUGIN_HOST_SERVICES_H_
#define SHOJI_CORE_PLUGIN_HOST_SERVICES_H_

#include <functional>
#include <string>

#include "shoji/plugin/base.h"
#include "shoji/runtime.h"
#include "shoji/types.h"

namespace shoji {

struct HostServices {
  // Nothing: dropped.
  std::function<void(LogLevel, const std::string&)> log;
  // What plugins ask before they build a message; nothing: every level is.
  std::function<bool(LogLevel)> log_enabled;
  std::function<void(const Span&)> on_span;
  // shoji.dirs/1
  std::string run_dir;
  std::string state_dir;
  std::string cache_dir;
  std::string libexec_dir;
};

// services.cc: the tables behind shoji_host.get_service. The context of the host is a Plugin.
const void* FindService(const shoji_host* host, const char* id);

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_HOST_SERVICES_H_

// The host's side of a plugin's error, and the turn of a plugin's answer into a Status.
//
// Threads  One object serves one call.
// Example
//     PluginError error;
//     return error.ToStatus("store kv", "save", table->save(h, c, k, v, error.get()));
#ifndef SHOJI_CORE_PLUGIN_ERROR_H_
#define SHOJI_CORE_PLUGIN_ERROR_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "shoji/plugin/base.h"
#include "shoji/status.h"

// What the opaque type of the ABI is inside this host.
struct shoji_error {
  std::int32_t code = SHOJI_OK;
  std::int32_t sys_errno = 0;
  std::string message;
  std::map<std::string, std::string> details;
};

namespace shoji {

class PluginError {
 public:
  shoji_error* get() { return &error_; }

  // OK for SHOJI_OK. The code returned counts, not the one in the error. No message, or a
  // code that is none: INTERNAL, for that is a defect of the plugin.
  Status ToStatus(std::string_view plugin, std::string_view call, std::int32_t code) const;

 private:
  shoji_error error_;
};

// The slots error_set and error_detail of shoji_host.
void SetError(shoji_error* error, std::int32_t code, std::int32_t sys_errno, shoji_str message);
void AddErrorDetail(shoji_error* error, shoji_str name, shoji_str value);

// The other way: answers a plugin's call to a service.
std::int32_t FillError(shoji_error* error, const Status& status);

// One line of printable text, at most 4 KiB, without a full stop at the end.
std::string OneLine(std::string_view text);

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_ERROR_H_

// What lies in a store, and under which keys.
//
//   sandboxes/<id>     the record of a sandbox with its containers (record.h)
//   containers/<cid>   the id of the sandbox that has the container
//   index/sandboxes    only in a store that cannot scan: the ids of all sandboxes, one a line
//   shoji/store        the mark of the store as a whole (mark.h); mostly there is none
//
// Threads  Safe, no state.
// Example  SandboxKey("web") == "sandboxes/web"
#ifndef SHOJI_CORE_METADATA_KEYS_H_
#define SHOJI_CORE_METADATA_KEYS_H_

#include <chrono>
#include <string>
#include <string_view>

#include "plugin/call.h"

namespace shoji {

inline constexpr std::string_view kSandboxPrefix = "sandboxes/";
inline constexpr std::string_view kContainerPrefix = "containers/";
inline constexpr std::string_view kSandboxListKey = "index/sandboxes";
inline constexpr std::string_view kStoreMarkKey = "shoji/store";

inline std::string SandboxKey(std::string_view id) {
  return std::string(kSandboxPrefix) + std::string(id);
}
inline std::string ContainerKey(std::string_view id) {
  return std::string(kContainerPrefix) + std::string(id);
}
inline bool IsBelow(std::string_view key, std::string_view prefix) {
  return key.size() > prefix.size() && key.substr(0, prefix.size()) == prefix;
}

// Of one call to a store, and of waiting for the index.
inline constexpr auto kStoreLimit = std::chrono::seconds(20);
inline Call StoreCall() { return Call{Deadline::After(kStoreLimit), -1}; }

}  // namespace shoji

#endif  // SHOJI_CORE_METADATA_KEYS_H_

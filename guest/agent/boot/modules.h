// Loads the kernel modules that the image carries.
//
// Purpose  A line of the list is "boot PATH" for what the channel to the host needs, loaded
//          first of all, or "lazy PATH" for the rest, loaded when the host is served
//          already; each group in its order. '#' begins a comment.
// Threads  The loop's.
// Example  SHOJI_ASSIGN_OR_RETURN(ModuleList modules, ModuleList::Parse(text));
#ifndef SHOJI_GUEST_AGENT_BOOT_MODULES_H_
#define SHOJI_GUEST_AGENT_BOOT_MODULES_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shoji/status.h"

namespace shoji::agent {

inline constexpr char kModuleListPath[] = "/etc/shoji/modules";

class ModuleList {
 public:
  // INVALID_ARGUMENT names the line that is neither.
  static Result<ModuleList> Parse(std::string_view text);

  // The modules of the first group; stops at the first failure.
  Status LoadFirst();
  // What LoadFirst() left. Idempotent, also after a failure: loads what is not there yet.
  Status LoadRest();
  // The next one of those; false when there was none.
  Result<bool> LoadOne();

  const std::vector<std::string>& first() const { return first_; }
  const std::vector<std::string>& rest() const { return rest_; }

 private:
  std::vector<std::string> first_;
  std::vector<std::string> rest_;
};

// Loads one module file; success when it is there already.
Status LoadModule(const std::string& path, const std::string& parameters);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_BOOT_MODULES_H_

// Loads the kernel modules that the image carries.
//
// Purpose  Loading a module is slow without KVM, so each is loaded when it is needed: a line
//          of the list is "FEATURE PATH", in load order. "boot" is what the channel to the
//          host needs; others are file systems and drivers. '#' begins a comment.
// Threads  The loop's.
// Example  SHOJI_ASSIGN_OR_RETURN(ModuleList modules, ModuleList::Parse(text));
#ifndef SHOJI_GUEST_AGENT_BOOT_MODULES_H_
#define SHOJI_GUEST_AGENT_BOOT_MODULES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/status.h"

namespace shoji::agent {

inline constexpr char kModuleListPath[] = "/etc/shoji/modules";

class ModuleList {
 public:
  // INVALID_ARGUMENT names the line that is not "FEATURE PATH".
  static Result<ModuleList> Parse(std::string_view text);

  // Loads what the feature needs, once. Success for one that is not in the list: it is built
  // into the kernel, or whoever uses it will say what is missing.
  Status Load(const std::string& feature);

  // Loads a module by its name, '-' and '_' being the same, after those it needs. Success when
  // it is there already; NOT_FOUND when the image does not carry it.
  Status LoadByName(const std::string& name, const std::string& parameters);

  const std::vector<std::string>& PathsOf(const std::string& feature) const;
  // What has to be loaded for a module, itself last; empty when it is not in the list.
  std::vector<std::string> PathsFor(const std::string& name) const;

 private:
  std::map<std::string, std::vector<std::string>> features_;  // what is not loaded yet
};

// Loads one module file; success when it is there already.
Status LoadModule(const std::string& path, const std::string& parameters);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_BOOT_MODULES_H_

// The plugin files in the search path, from their ELF notes; no plugin code runs.
//
// Purpose  For each *.so: architecture, note, ABI range, trust and exported symbols. What
//          fails is kept with one line that says why. Of two plugins with one kind and id
//          the first in the search path wins.
// Threads  Value, movable.
// Life     Holds each accepted file open: the bytes that were checked are those that are
//          loaded, whatever happens to the path meanwhile.
// Example  PluginScan::Run({{"/usr/lib/shoji/plugins"}, "owner"})
#ifndef SHOJI_CORE_PLUGIN_PLUGIN_SCAN_H_
#define SHOJI_CORE_PLUGIN_PLUGIN_SCAN_H_

#include <string>
#include <vector>

#include "config/config.h"
#include "plugin/note.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

struct ScannedPlugin {
  PluginInfo info;
  PluginNote note;
  UniqueFd file;  // of an accepted plugin
  bool accepted() const { return info.status == "ok"; }
};

class PluginScan {
 public:
  struct Options {
    std::vector<std::string> dirs;
    std::string trust = "owner";
  };
  // INVALID_ARGUMENT for an unknown trust policy. Everything else is told per file.
  static Result<PluginScan> Run(const Options& options);

  const std::vector<ScannedPlugin>& plugins() const { return plugins_; }
  std::vector<ScannedPlugin> Take() && { return std::move(plugins_); }

  // Adds what the plugins declare as "<kind>.<id>.<name>". Those of a refused plugin too:
  // its section in a file is no mistake of the operator's.
  void AppendOptions(std::vector<OptionSpec>* specs) const;

 private:
  std::vector<ScannedPlugin> plugins_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_PLUGIN_SCAN_H_

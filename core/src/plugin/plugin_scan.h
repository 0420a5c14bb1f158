// The plugins there are, from their notes; no plugin code runs.
//
// Purpose  For each *.so in the search path: who may write it, architecture, note, ABI range,
//          trust and exported symbols. What fails is kept with one line that says why. Of two
//          plugins with one kind and id the first in the search path wins; one that was given
//          in process wins over files.
// Threads  Value, movable.
// Life     Holds each accepted file open: the bytes that were checked are those that are
//          loaded, whatever happens to the path meanwhile.
// Example  PluginScan scan = PluginScan::Run({{"/usr/lib/shoji/plugins"}, policy});
#ifndef SHOJI_CORE_PLUGIN_PLUGIN_SCAN_H_
#define SHOJI_CORE_PLUGIN_PLUGIN_SCAN_H_

#include <string>
#include <vector>

#include "config/config.h"
#include "plugin/note.h"
#include "plugin/trust_policy.h"
#include "shoji/base/unique_fd.h"
#include "shoji/plugin/base.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

struct ScannedPlugin {
  PluginInfo info;
  PluginNote note;
  std::string note_text;
  UniqueFd file;                         // of an accepted plugin that lies in one
  bool in_own_dir = false;               // see TrustPolicy::Candidate
  shoji_plugin_open_fn entry = nullptr;  // of one that was given in process
  bool accepted() const { return info.status == "ok"; }
};

// Reads and judges the bytes, by the policy; sets info.trust. Afterwards `file` is what may
// be loaded, or is closed.
Status VerifyScanned(const TrustPolicy& policy, ScannedPlugin* plugin);

// What a person may know of a plugin's options: declaration, value and origin. Secrets stay
// out.
std::vector<PluginOption> OptionsInForce(const PluginNote& note, const Config& config);

class PluginScan {
 public:
  struct Options {
    std::vector<std::string> dirs;
    TrustPolicy policy;
  };
  // Never fails as a whole; everything is told per file. What needs the bytes of the whole
  // file is left to VerifyScanned().
  static PluginScan Run(Options options);

  // What is to be said of one file, VerifyScanned() included.
  static ScannedPlugin CheckFile(const std::string& path, const TrustPolicy& policy);

  // A plugin of the embedder's. INVALID_ARGUMENT or FAILED_PRECONDITION for its note,
  // ALREADY_EXISTS for a second one of the same name.
  Status AddInProcess(const std::string& note, shoji_plugin_open_fn entry);

  const TrustPolicy& policy() const { return policy_; }
  const std::vector<ScannedPlugin>& plugins() const { return plugins_; }
  std::vector<ScannedPlugin> Take() && { return std::move(plugins_); }

  // Adds what the plugins declare as "<kind>.<id>.<name>". Those of a refused plugin too:
  // its section in a file is no mistake of the operator's.
  void AppendOptions(std::vector<OptionSpec>* specs) const;

  // "/p/store-kv.so is refused: REASON" when that may be why nobody declares `option`; else
  // empty.
  std::string ExplainUnknown(const std::string& option) const;

 private:
  TrustPolicy policy_;
  std::vector<ScannedPlugin> plugins_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_PLUGIN_SCAN_H_

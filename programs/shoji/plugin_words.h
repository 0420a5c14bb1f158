// Plugins as people name them and read about them.
//
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(PluginInfo info, FindPlugin(runtime->Plugins(), "store/kv"));
//          PrintPlugin(info);
#ifndef SHOJI_PROGRAMS_SHOJI_PLUGIN_WORDS_H_
#define SHOJI_PROGRAMS_SHOJI_PLUGIN_WORDS_H_

#include <string>
#include <vector>

#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji::cli {

// The plugin that `word` names: "kind/id", "kind.id", or an id that only one kind has. Of
// several files the one that is used. NOT_FOUND and INVALID_ARGUMENT list what there is.
Result<PluginInfo> FindPlugin(const std::vector<PluginInfo>& plugins, const std::string& word);

// All there is to know, on stdout; the values of secrets are hidden.
void PrintPlugin(const PluginInfo& plugin);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_PLUGIN_WORDS_H_

// Manual pages in roff, made from the registries of commands and of options.
//
// Threads  Safe, no state.
// Example  for (const ManualPage& page : CommandPages()) WriteFile(page.file, page.text);
#ifndef SHOJI_PROGRAMS_SHOJI_MANUAL_H_
#define SHOJI_PROGRAMS_SHOJI_MANUAL_H_

#include <string>
#include <vector>

#include "shoji/runtime.h"

namespace shoji::cli {

struct ManualPage {
  std::string file;  // "shoji-run.1"
  std::string text;
};

// shoji.1 and one for each command.
std::vector<ManualPage> CommandPages();

// shoji.toml.5. `plugins` tells which are described.
ManualPage ConfigPage(const std::vector<OptionInfo>& options,
                      const std::vector<PluginInfo>& plugins);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_MANUAL_H_

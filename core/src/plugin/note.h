// What a plugin's ELF note says, as values.
//
// Purpose  The text format of shoji/plugin/note.h, parsed and checked.
// Threads  Value.
// Example  ParseNote("plugin\tstore\tkv\t1.0\tMe\tMIT\t0.1.0\nabi\t1\t1\n...")->id == "kv"
#ifndef SHOJI_CORE_PLUGIN_NOTE_H_
#define SHOJI_CORE_PLUGIN_NOTE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

// A draft interface that a plugin uses, and the version of the SDK it took it from.
struct NoteDraft {
  std::string id;
  std::string sdk_version;
};

struct PluginNote {
  std::string kind;
  std::string id;
  std::string version;
  std::string vendor;
  std::string licence;
  std::string sdk_version;
  std::uint32_t abi_min = 0;
  std::uint32_t abi_max = 0;
  std::vector<PluginInterface> interfaces;
  std::vector<NoteDraft> drafts;
  std::vector<OptionSpec> options;  // names as in the note, without "<kind>.<id>."
};

// INVALID_ARGUMENT names the record that is wrong.
Result<PluginNote> ParseNote(std::string_view text);

// Whether this host can serve the plugin: a known kind, its required interface, the ABI
// range, the very version for drafts. FAILED_PRECONDITION says what to install.
Status CheckNote(const PluginNote& note);

// Whether plugins of `kind` exist for this host.
bool IsKnownKind(std::string_view kind);

// The interface that every plugin of `kind` gives: "shoji.store/1".
std::string RequiredInterface(const std::string& kind);
bool Announces(const PluginNote& note, const std::string& interface_id);

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_NOTE_H_

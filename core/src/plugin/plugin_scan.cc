#include "plugin/plugin_scan.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "config/paths.h"
#include "plugin/trust.h"
#include "shoji/base/file.h"
#include "shoji/elf/elf_file.h"
#include "shoji/plugin/base.h"
#include "shoji/plugin/note.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxShownSymbols = 64;

// Libraries whose symbols, exported twice in one process, end it inside dlopen().
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kForbidden = {{
    {"6google8protobuf", "protobuf"},
    {"4grpc", "gRPC"},
    {"5boost", "Boost"},
}};

// The trust check needs one spelling, and "lib/../x" must not hide a directory.
std::string Absolute(const std::string& path) {
  if (!path.empty() && path[0] == '/') return path;
  char buffer[4096];
  return getcwd(buffer, sizeof(buffer)) == nullptr ? path : std::string(buffer) + "/" + path;
}

Status CheckSymbols(ElfFile* elf) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         elf->ExportedSymbols(kMaxShownSymbols));
  for (const std::string& name : names) {
    for (const auto& [mark, library] : kForbidden) {
      if (name.find(mark) == std::string::npos) continue;
      return FailedPrecondition("exports symbols of " + std::string(library) + ", e.g. " + name +
                                "; link it with the SDK's version script");
    }
  }
  if (std::find(names.begin(), names.end(), SHOJI_PLUGIN_OPEN_SYMBOL) == names.end()) {
    return FailedPrecondition("does not export " SHOJI_PLUGIN_OPEN_SYMBOL);
  }
  if (names.size() == 1) return OkStatus();
  const std::string& other = names[names[0] == SHOJI_PLUGIN_OPEN_SYMBOL ? 1 : 0];
  return FailedPrecondition("exports more than " SHOJI_PLUGIN_OPEN_SYMBOL ", e.g. " + other +
                            "; link it with the SDK's version script");
}

void FillInfo(const PluginNote& note, PluginInfo* info) {
  info->kind = note.kind;
  info->id = note.id;
  info->version = note.version;
  info->vendor = note.vendor;
  info->licence = note.licence;
  info->interfaces = note.interfaces;
}

// The trust check comes first: not even the note of a file that anybody may write is
// believed.
Status Inspect(const std::string& path, const std::string& prefix, KnownDirs* known,
               ScannedPlugin* plugin) {
  SHOJI_ASSIGN_OR_RETURN(plugin->file, OpenTrusted(path, prefix, known));
  SHOJI_ASSIGN_OR_RETURN(ElfFile elf, ElfFile::Open(plugin->file.get()));
  SHOJI_ASSIGN_OR_RETURN(const std::string text, elf.FindNote(SHOJI_NOTE_OWNER, SHOJI_NOTE_TYPE));
  SHOJI_ASSIGN_OR_RETURN(plugin->note, ParseNote(text));
  FillInfo(plugin->note, &plugin->info);
  SHOJI_RETURN_IF_ERROR(CheckNote(plugin->note));
  return CheckSymbols(&elf);
}

void Refuse(const std::string& reason, ScannedPlugin* plugin) {
  plugin->info.status = "refused";
  plugin->info.reason = reason;
  plugin->file.reset();
}

ScannedPlugin ScanFile(const std::string& path, const std::string& prefix, KnownDirs* known) {
  ScannedPlugin plugin;
  plugin.info.path = path;
  plugin.info.status = "ok";
  if (const Status status = Inspect(path, prefix, known, &plugin); !status.ok()) {
    Refuse(status.message(), &plugin);
  }
  return plugin;
}

bool IsPluginName(const std::string& name) {
  return name.size() > 3 && name.compare(name.size() - 3, 3, ".so") == 0;
}

void ScanDir(const std::string& dir, const std::string& prefix, std::vector<ScannedPlugin>* out) {
  const Result<std::vector<std::string>> names = ListDir(dir);
  if (!names.ok()) {
    ScannedPlugin plugin;
    plugin.info.path = dir;
    Refuse(names.status().message(), &plugin);
    out->push_back(std::move(plugin));
    return;
  }
  KnownDirs known;
  for (const std::string& name : *names) {
    if (IsPluginName(name)) out->push_back(ScanFile(dir + "/" + name, prefix, &known));
  }
}

void RefuseDuplicates(std::vector<ScannedPlugin>* plugins) {
  std::map<std::pair<std::string, std::string>, std::string> first;
  for (ScannedPlugin& plugin : *plugins) {
    if (!plugin.accepted()) continue;
    const auto [it, fresh] =
        first.emplace(std::make_pair(plugin.note.kind, plugin.note.id), plugin.info.path);
    if (!fresh) {
      Refuse("there is already a " + plugin.note.kind + " plugin \"" + plugin.note.id + "\" in " +
                 it->second,
             &plugin);
    }
  }
}

}  // namespace

Result<PluginScan> PluginScan::Run(const Options& options) {
  if (options.trust != "owner") {
    return InvalidArgument("plugins.trust is \"" + options.trust +
                           "\"; this version offers \"owner\"");
  }
  PluginScan scan;
  const std::string prefix = InstallPrefix();
  for (const std::string& dir : options.dirs) ScanDir(Absolute(dir), prefix, &scan.plugins_);
  RefuseDuplicates(&scan.plugins_);
  return scan;
}

void PluginScan::AppendOptions(std::vector<OptionSpec>* specs) const {
  std::vector<std::string> done;
  // Accepted ones first: theirs are the declarations that count.
  for (const bool accepted : {true, false}) {
    for (const ScannedPlugin& plugin : plugins_) {
      const std::string section = plugin.note.kind + "." + plugin.note.id;
      if (plugin.accepted() != accepted || plugin.note.kind.empty() ||
          std::find(done.begin(), done.end(), section) != done.end()) {
        continue;
      }
      done.push_back(section);
      for (OptionSpec spec : plugin.note.options) {
        spec.name = section + "." + spec.name;
        specs->push_back(std::move(spec));
      }
    }
  }
}

}  // namespace shoji

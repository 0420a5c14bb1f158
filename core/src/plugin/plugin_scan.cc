#include "plugin/plugin_scan.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include "config/paths.h"
#include "config/value.h"
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
  info->sdk_version = note.sdk_version;
  info->abi_min = note.abi_min;
  info->abi_max = note.abi_max;
  info->interfaces = note.interfaces;
}

TrustPolicy::Candidate CandidateOf(const ScannedPlugin& plugin) {
  return {plugin.note.kind, plugin.note.id, plugin.info.path, plugin.in_own_dir};
}

// What all files of a directory have in common.
struct Place {
  const TrustPolicy* policy;
  std::string prefix;
  bool own_dir = false;
  KnownDirs known;
};

// The trust check comes first: not even the note of a file that anybody may write is
// believed.
Status Inspect(Place* place, ScannedPlugin* plugin) {
  SHOJI_ASSIGN_OR_RETURN(plugin->file,
                         OpenTrusted(plugin->info.path, place->prefix, &place->known));
  SHOJI_ASSIGN_OR_RETURN(ElfFile elf, ElfFile::Open(plugin->file.get()));
  SHOJI_ASSIGN_OR_RETURN(plugin->note_text, elf.FindNote(SHOJI_NOTE_OWNER, SHOJI_NOTE_TYPE));
  SHOJI_ASSIGN_OR_RETURN(plugin->note, ParseNote(plugin->note_text));
  FillInfo(plugin->note, &plugin->info);
  SHOJI_RETURN_IF_ERROR(CheckNote(plugin->note));
  SHOJI_RETURN_IF_ERROR(place->policy->Screen(CandidateOf(*plugin)));
  return CheckSymbols(&elf);
}

void Refuse(const std::string& reason, ScannedPlugin* plugin) {
  plugin->info.status = "refused";
  plugin->info.reason = reason;
  plugin->file.reset();
}

ScannedPlugin ScanFile(const std::string& path, Place* place) {
  ScannedPlugin plugin;
  plugin.info.path = path;
  plugin.info.status = "ok";
  plugin.in_own_dir = place->own_dir;
  if (const Status status = Inspect(place, &plugin); !status.ok()) {
    Refuse(status.message(), &plugin);
  }
  return plugin;
}

std::string RealPath(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? std::string() : std::string(resolved);
}

Place PlaceOf(const std::string& dir, const TrustPolicy& policy) {
  const std::string real = RealPath(dir);
  return {&policy, InstallPrefix(), !real.empty() && real == RealPath(InstalledPluginDir()), {}};
}

bool IsPluginName(const std::string& name) {
  return name.size() > 3 && name.compare(name.size() - 3, 3, ".so") == 0;
}

void ScanDir(const std::string& dir, const TrustPolicy& policy, std::vector<ScannedPlugin>* out) {
  const Result<std::vector<std::string>> names = ListDir(dir);
  if (!names.ok()) {
    ScannedPlugin plugin;
    plugin.info.path = dir;
    Refuse(names.status().message(), &plugin);
    out->push_back(std::move(plugin));
    return;
  }
  Place place = PlaceOf(dir, policy);
  for (const std::string& name : *names) {
    if (IsPluginName(name)) out->push_back(ScanFile(dir + "/" + name, &place));
  }
}

std::string OptionName(const PluginNote& note, const OptionSpec& spec) {
  return note.kind + "." + note.id + "." + spec.name;
}

std::string Called(const PluginInfo& info) {
  return info.path.empty() ? "one given in process" : info.path;
}

// Ids and names of options may have dots, so that "a.b" + "c" and "a" + "b.c" are one name.
std::string SharedOption(const ScannedPlugin& plugin, const std::set<std::string>& taken) {
  for (const OptionSpec& spec : plugin.note.options) {
    std::string name = OptionName(plugin.note, spec);
    if (taken.count(name) != 0) return name;
  }
  return {};
}

void RefuseDuplicates(std::vector<ScannedPlugin>* plugins) {
  std::map<std::pair<std::string, std::string>, std::string> first;
  std::set<std::string> options;
  for (ScannedPlugin& plugin : *plugins) {
    if (!plugin.accepted()) continue;
    const auto [it, fresh] =
        first.emplace(std::make_pair(plugin.note.kind, plugin.note.id), Called(plugin.info));
    const std::string shared = SharedOption(plugin, options);
    if (!fresh) {
      Refuse("there is already a " + plugin.note.kind + " plugin \"" + plugin.note.id +
                 "\": " + it->second,
             &plugin);
    } else if (!shared.empty()) {
      Refuse("its option " + shared + " is another plugin's already", &plugin);
    } else {
      for (const OptionSpec& spec : plugin.note.options) {
        options.insert(OptionName(plugin.note, spec));
      }
    }
  }
}

// Whether a file named as ours are, "store-kv.so", would declare `option`.
bool NameFits(const std::string& path, const std::string& option) {
  std::string name = path.substr(path.rfind('/') + 1);
  if (!IsPluginName(name)) return false;
  name.resize(name.size() - 3);
  if (const std::size_t dash = name.find('-'); dash != std::string::npos) name[dash] = '.';
  return option.compare(0, name.size() + 1, name + ".") == 0;
}

bool IsSectionOf(const PluginNote& note, const std::string& option) {
  const std::string section = note.kind + "." + note.id + ".";
  return !note.kind.empty() && option.compare(0, section.size(), section) == 0;
}

}  // namespace

std::vector<PluginOption> OptionsInForce(const PluginNote& note, const Config& config) {
  std::vector<PluginOption> out;
  for (const OptionSpec& spec : note.options) {
    PluginOption option;
    option.name = OptionName(note, spec);
    option.type = OptionTypeName(spec.type);
    option.help = spec.help;
    option.secret = spec.secret;
    option.required = spec.required;
    if (!spec.secret) option.default_value = spec.default_value;
    if (const auto it = config.values().find(option.name); it != config.values().end()) {
      if (!spec.secret) option.value = it->second.text;
      option.origin = it->second.origin;
    }
    out.push_back(std::move(option));
  }
  return out;
}

Status VerifyScanned(const TrustPolicy& policy, ScannedPlugin* plugin) {
  if (plugin->entry != nullptr) {
    plugin->info.trust = "given in process";
    return OkStatus();
  }
  const int before = plugin->file.get();
  SHOJI_ASSIGN_OR_RETURN(TrustPolicy::Verified verified,
                         policy.Verify(CandidateOf(*plugin), std::move(plugin->file)));
  if (verified.file.get() != before) {
    // It is a copy, made since: the note has to be the one that was judged.
    SHOJI_ASSIGN_OR_RETURN(ElfFile elf, ElfFile::Open(verified.file.get()));
    const Result<std::string> text = elf.FindNote(SHOJI_NOTE_OWNER, SHOJI_NOTE_TYPE);
    if (!text.ok() || *text != plugin->note_text) {
      return Aborted("the file was changed while it was read; try again");
    }
  }
  plugin->file = std::move(verified.file);
  plugin->info.trust = std::move(verified.trust);
  return OkStatus();
}

PluginScan PluginScan::Run(Options options) {
  PluginScan scan;
  scan.policy_ = std::move(options.policy);
  for (const std::string& dir : options.dirs) {
    ScanDir(Absolute(dir), scan.policy_, &scan.plugins_);
  }
  RefuseDuplicates(&scan.plugins_);
  return scan;
}

ScannedPlugin PluginScan::CheckFile(const std::string& path, const TrustPolicy& policy) {
  const std::string absolute = Absolute(path);
  Place place = PlaceOf(absolute.substr(0, std::max<std::size_t>(absolute.rfind('/'), 1)), policy);
  ScannedPlugin plugin = ScanFile(absolute, &place);
  if (!plugin.accepted()) return plugin;
  const Status status = VerifyScanned(policy, &plugin);
  if (!status.ok()) Refuse(status.message(), &plugin);
  return plugin;
}

Status PluginScan::AddInProcess(const std::string& note, shoji_plugin_open_fn entry) {
  ScannedPlugin plugin;
  plugin.note_text = note;
  Result<PluginNote> parsed = ParseNote(note);
  if (!parsed.ok()) return std::move(parsed).status().WithContext("a plugin given in process");
  plugin.note = std::move(parsed).value();
  const std::string who = plugin.note.kind + " plugin \"" + plugin.note.id + "\" given in process";
  if (entry == nullptr) return InvalidArgument(who + " has no entry function");
  Status status = CheckNote(plugin.note);
  if (!status.ok()) return std::move(status).WithContext(who);
  for (const ScannedPlugin& other : plugins_) {
    if (other.entry == nullptr || other.note.kind != plugin.note.kind) continue;
    if (other.note.id == plugin.note.id) return AlreadyExists(who + " is given twice");
  }
  plugin.entry = entry;
  FillInfo(plugin.note, &plugin.info);
  plugin.info.status = "ok";
  plugins_.insert(plugins_.begin(), std::move(plugin));
  RefuseDuplicates(&plugins_);
  return OkStatus();
}

void PluginScan::AppendOptions(std::vector<OptionSpec>* specs) const {
  std::set<std::string> done;
  // Accepted ones first: theirs are the declarations that count.
  for (const bool accepted : {true, false}) {
    for (const ScannedPlugin& plugin : plugins_) {
      // A section like [plugins] belongs to the core, whatever a note calls its kind.
      if (plugin.accepted() != accepted || !IsKnownKind(plugin.note.kind)) continue;
      for (OptionSpec spec : plugin.note.options) {
        spec.name = OptionName(plugin.note, spec);
        if (!accepted) spec.required = false;
        if (done.insert(spec.name).second) specs->push_back(std::move(spec));
      }
    }
  }
}

std::string PluginScan::ExplainUnknown(const std::string& option) const {
  for (const ScannedPlugin& plugin : plugins_) {
    if (plugin.accepted()) continue;
    const bool fits = plugin.note.kind.empty()
                          ? NameFits(plugin.info.path, option)
                          : IsSectionOf(plugin.note, option) && !IsKnownKind(plugin.note.kind);
    if (fits) return plugin.info.path + " is refused: " + plugin.info.reason;
  }
  // Nothing says which plugin a file is whose note cannot be read.
  if (!IsKnownKind(option.substr(0, option.find('.')))) return {};
  for (const ScannedPlugin& plugin : plugins_) {
    if (plugin.accepted() || !plugin.note.kind.empty()) continue;
    return "it may be one of " + plugin.info.path + ", which is refused: " + plugin.info.reason;
  }
  return {};
}

}  // namespace shoji

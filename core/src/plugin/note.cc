#include "plugin/note.h"

#include <algorithm>
#include <array>
#include <set>

#include "config/value.h"
#include "shoji/base/strings.h"
#include "shoji/plugin/base.h"
#include "version.h"

namespace shoji {
namespace {

constexpr std::array<std::string_view, 7> kKinds = {"hypervisor", "store", "factory", "shim",
                                                    "proxy",      "agent", "network"};

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), IsNameByte);
}

// Notes are shown on terminals.
std::string Printable(std::string_view text) {
  std::string out(text.substr(0, 256));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

std::string Field(const std::vector<std::string>& fields, std::size_t i) {
  return i < fields.size() ? Printable(fields[i]) : std::string();
}

Status ReadPlugin(const std::vector<std::string>& fields, PluginNote* note) {
  note->kind = Field(fields, 1);
  note->id = Field(fields, 2);
  note->version = Field(fields, 3);
  note->vendor = Field(fields, 4);
  note->licence = Field(fields, 5);
  note->sdk_version = Field(fields, 6);
  if (!IsName(note->kind) || !IsName(note->id)) {
    return InvalidArgument("its note has kind \"" + note->kind + "\" and id \"" + note->id +
                           "\"; both must match [A-Za-z0-9_.-]{1,64}");
  }
  return OkStatus();
}

Status ReadAbi(const std::vector<std::string>& fields, PluginNote* note) {
  const Result<std::int64_t> min = ParseInt(Field(fields, 1));
  const Result<std::int64_t> max = ParseInt(Field(fields, 2));
  if (!min.ok() || !max.ok() || *min < 1 || *max < *min || *max > 1'000'000) {
    return InvalidArgument("its note has an ABI range that is none: \"" + Field(fields, 1) +
                           "\" to \"" + Field(fields, 2) + "\"");
  }
  note->abi_min = static_cast<std::uint32_t>(*min);
  note->abi_max = static_cast<std::uint32_t>(*max);
  return OkStatus();
}

Status ReadOption(const std::vector<std::string>& fields, PluginNote* note) {
  OptionSpec spec;
  spec.name = Field(fields, 1);
  const std::optional<OptionType> type = ParseOptionType(Field(fields, 2));
  if (!IsName(spec.name) || !type) {
    return InvalidArgument("its note declares option \"" + spec.name + "\" of type \"" +
                           Field(fields, 2) + "\"; this host does not know such a one");
  }
  spec.type = *type;
  spec.default_value = Field(fields, 3);
  for (const std::string& flag : Split(Field(fields, 4), ',')) {
    spec.secret = spec.secret || flag == "secret";
    spec.required = spec.required || flag == "required";
  }
  spec.help = Field(fields, 5);
  if (!spec.default_value.empty()) {
    const Result<std::string> text = Canonical(spec, spec.default_value);
    if (!text.ok()) return text.status().WithContext("default of its option " + spec.name);
  }
  note->options.push_back(std::move(spec));
  return OkStatus();
}

Status ReadInterface(const std::vector<std::string>& fields, PluginNote* note) {
  PluginInterface announced;
  announced.id = Field(fields, 1);
  const std::string minor = Field(fields, 2);
  const Result<std::int64_t> number = minor.empty() ? Result<std::int64_t>(0) : ParseInt(minor);
  if (announced.id.empty() || !number.ok() || *number < 0 || *number > 1'000'000) {
    return InvalidArgument("its note announces interface \"" + announced.id + "\" with minor \"" +
                           minor + "\", which is none");
  }
  announced.minor = static_cast<std::uint32_t>(*number);
  note->interfaces.push_back(std::move(announced));
  return OkStatus();
}

Status ReadRecord(const std::vector<std::string>& fields, PluginNote* note) {
  if (fields[0] == "plugin") return ReadPlugin(fields, note);
  if (fields[0] == "abi") return ReadAbi(fields, note);
  if (fields[0] == "option") return ReadOption(fields, note);
  if (fields[0] == "interface") return ReadInterface(fields, note);
  if (fields[0] == "draft") note->drafts.push_back({Field(fields, 1), Field(fields, 2)});
  return OkStatus();  // a record of a later SDK
}

Status CheckOptionNames(const PluginNote& note) {
  std::set<std::string> names;
  for (const OptionSpec& spec : note.options) {
    if (!names.insert(spec.name).second) {
      return InvalidArgument("its note declares option \"" + spec.name + "\" twice");
    }
  }
  return OkStatus();
}

}  // namespace

Result<PluginNote> ParseNote(std::string_view text) {
  PluginNote note;
  // The macro pads with zeros.
  text = text.substr(0, text.find('\0'));
  for (const std::string& line : Split(text, '\n')) {
    const std::vector<std::string> fields = Split(line, '\t');
    if (!fields.empty()) SHOJI_RETURN_IF_ERROR(ReadRecord(fields, &note));
  }
  if (note.kind.empty()) return InvalidArgument("its note has no record \"plugin\"");
  if (note.abi_min == 0) return InvalidArgument("its note has no record \"abi\"");
  SHOJI_RETURN_IF_ERROR(CheckOptionNames(note));
  return note;
}

bool IsKnownKind(std::string_view kind) {
  return std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
}

std::string RequiredInterface(const std::string& kind) { return "shoji." + kind + "/1"; }

bool Announces(const PluginNote& note, const std::string& interface_id) {
  return std::any_of(note.interfaces.begin(), note.interfaces.end(),
                     [&](const PluginInterface& each) { return each.id == interface_id; });
}

Status CheckNote(const PluginNote& note) {
  if (!IsKnownKind(note.kind)) {
    return FailedPrecondition("this host knows no plugins of kind \"" + note.kind + "\"");
  }
  if (note.abi_min > SHOJI_ABI_VERSION || note.abi_max < SHOJI_ABI_VERSION) {
    return FailedPrecondition("needs plugin ABI " + std::to_string(note.abi_min) + " to " +
                              std::to_string(note.abi_max) + ", this host serves " +
                              std::to_string(SHOJI_ABI_VERSION) +
                              "; install a build of the plugin for this host");
  }
  const std::string wanted = RequiredInterface(note.kind);
  if (!Announces(note, wanted)) {
    return FailedPrecondition("does not announce interface " + wanted);
  }
  for (const NoteDraft& draft : note.drafts) {
    if (draft.sdk_version == kVersion) continue;
    return FailedPrecondition("uses the draft " + draft.id + " of version " + draft.sdk_version +
                              ", and drafts load into a host of that very version only; this is " +
                              kVersion + ", build the plugin with its SDK");
  }
  return OkStatus();
}

}  // namespace shoji

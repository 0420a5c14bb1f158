#include "note.h"

#include <algorithm>
#include <array>
#include <limits>
#include <regex>
#include <set>

#include "shoji/base/strings.h"
#include "shoji/sdk/store.h"

namespace shoji::validate {
namespace {

constexpr std::size_t kTextMax = 256;
constexpr std::array<std::string_view, 7> kTypes = {"string", "int",  "bool",    "size",
                                                    "path",   "list", "duration"};

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// How many fields each record has, with its name; 0: a record of a later SDK.
std::size_t FieldsOf(std::string_view record) {
  if (record == "plugin") return 7;
  if (record == "abi" || record == "interface") return 3;
  return record == "option" ? 6 : 0;
}

std::string Field(const std::vector<std::string>& fields, std::size_t i) {
  return i < fields.size() ? fields[i] : std::string();
}

// Like Split(), but the empty piece behind the last TAB is a field too.
std::vector<std::string> Fields(std::string_view line) {
  std::vector<std::string> out;
  for (std::size_t at = 0;;) {
    const std::size_t end = line.find('\t', at);
    out.emplace_back(line.substr(at, end == std::string_view::npos ? end : end - at));
    if (end == std::string_view::npos) return out;
    at = end + 1;
  }
}

void Take(const std::vector<std::string>& fields, Note* note) {
  const std::string& record = fields[0];
  if (record == "plugin") {
    note->kind = Field(fields, 1);
    note->id = Field(fields, 2);
    note->version = Field(fields, 3);
    note->vendor = Field(fields, 4);
    note->licence = Field(fields, 5);
    note->sdk_version = Field(fields, 6);
  } else if (record == "abi") {
    const Result<std::int64_t> min = ParseInt(Field(fields, 1));
    const Result<std::int64_t> max = ParseInt(Field(fields, 2));
    note->abi_min = min.ok() ? *min : 0;
    note->abi_max = max.ok() ? *max : 0;
  } else if (record == "interface") {
    note->interfaces.emplace_back(Field(fields, 1), Field(fields, 2));
  } else if (record == "option") {
    note->options.push_back(
        {Field(fields, 1), Field(fields, 2), Field(fields, 3), Field(fields, 4), Field(fields, 5)});
  }
}

std::string LineProblem(const std::vector<std::string>& fields, const std::string& line) {
  const std::size_t wanted = FieldsOf(fields[0]);
  if (wanted == 0) {
    return "record " + Quoted(fields[0]) + " is unknown; hosts ignore it";
  }
  if (fields.size() == wanted) return {};
  return "record " + Quoted(line.substr(0, 60)) + " has " + std::to_string(fields.size()) +
         " fields, a record " + Quoted(fields[0]) + " has " + std::to_string(wanted);
}

bool HasControlBytes(std::string_view line) {
  return std::any_of(line.begin(), line.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

bool Matches(const std::string& text, const char* expression) {
  return std::regex_match(text, std::regex(expression));
}

// "qemu" for ours, "com.example.kv" for others'.
std::string IdProblem(const Note& note) {
  if (note.id.empty() || note.id.size() > 64) {
    return "plugin id " + Quoted(note.id) + " has " + std::to_string(note.id.size()) +
           " bytes; 1 to 64 are allowed";
  }
  const bool ours = note.vendor == "Shoji";
  const char* const expression =
      ours ? "[a-z][a-z0-9-]*" : "[a-z][a-z0-9-]*(\\.[a-z0-9][a-z0-9-]*)+";
  if (Matches(note.id, expression)) return {};
  return "plugin id " + Quoted(note.id) +
         (ours ? " is not of lower-case letters, digits and '-'"
               : " is not reverse-DNS in lower case, like com.example.kv");
}

bool IsUnsigned(const std::string& text) { return Matches(text, "0|[1-9][0-9]{0,5}"); }

std::string DefaultProblem(const NoteOption& option) {
  if (option.default_value.empty()) return {};
  const Result<std::string> value = CanonicalValue(option.type, option.default_value);
  return value.ok() ? std::string() : value.status().message();
}

std::string FlagProblem(const NoteOption& option) {
  std::set<std::string> seen;
  for (const std::string& flag : Split(option.flags, ',')) {
    if (flag != "secret" && flag != "required") {
      return "flag " + Quoted(flag) + " is unknown; known are secret and required";
    }
    if (!seen.insert(flag).second) return "flag " + Quoted(flag) + " is there twice";
  }
  if (option.HasFlag("required") && !option.default_value.empty()) {
    return "is required and has a default value; one of both is meant";
  }
  if (option.HasFlag("secret") && !option.default_value.empty()) {
    return "is secret and has a default value, which everybody can read";
  }
  return {};
}

std::string OptionProblem(const NoteOption& option) {
  if (!Matches(option.name, "[a-z][a-z0-9_.-]{0,63}")) {
    return "the name does not match [a-z][a-z0-9_.-]{0,63}";
  }
  if (std::find(kTypes.begin(), kTypes.end(), option.type) == kTypes.end()) {
    return "type " + Quoted(option.type) +
           " is unknown; write string, int, bool, size, path, list or duration";
  }
  if (std::string problem = FlagProblem(option); !problem.empty()) return problem;
  if (option.help.empty()) return "has no help text";
  return DefaultProblem(option);
}

Result<std::string> Duration(std::string_view text) {
  static const std::regex kWhole("0|([0-9]{1,12}(ns|us|ms|s|m|h))+");
  const std::string all(text);
  if (!std::regex_match(all, kWhole)) {
    return InvalidArgument(Quoted(text) + " is not a duration; write 500ms, 10s or 2m");
  }
  std::int64_t total = 0;
  static const std::regex kPart("([0-9]+)(ns|us|ms|s|m|h)");
  for (std::sregex_iterator at(all.begin(), all.end(), kPart), end; at != end; ++at) {
    const std::string unit = (*at)[2];
    const std::int64_t scale = unit == "ns"   ? 1
                               : unit == "us" ? 1'000
                               : unit == "ms" ? 1'000'000
                               : unit == "s"  ? 1'000'000'000
                               : unit == "m"  ? 60'000'000'000
                                              : 3'600'000'000'000;
    const std::int64_t number = std::stoll((*at)[1]);
    if (number > (std::numeric_limits<std::int64_t>::max() - total) / scale) {
      return InvalidArgument(Quoted(text) + " is too long a time");
    }
    total += number * scale;
  }
  return std::to_string(total);
}

Result<std::string> Bool(std::string_view text) {
  for (const std::string_view word : {"true", "yes", "on", "1"}) {
    if (text == word) return std::string("true");
  }
  for (const std::string_view word : {"false", "no", "off", "0"}) {
    if (text == word) return std::string("false");
  }
  return InvalidArgument(Quoted(text) + " is not a boolean; write true or false");
}

Result<std::string> PathValue(std::string_view text) {
  if (!text.empty() && text[0] != '/' && text.find('/') != std::string_view::npos) {
    return InvalidArgument(Quoted(text) + " is a relative path; write it from / on");
  }
  return std::string(text);
}

std::string List(std::string_view text) {
  std::vector<std::string> items;
  for (const std::string& item :
       Split(text, text.find('\n') != std::string_view::npos ? '\n' : ',')) {
    if (const std::string_view trimmed = Trim(item); !trimmed.empty()) items.emplace_back(trimmed);
  }
  return Join(items, "\n");
}

template <typename T>
Result<std::string> Decimal(const Result<T>& number) {
  if (!number.ok()) return number.status();
  return std::to_string(*number);
}

}  // namespace

const std::vector<std::string>& KnownKinds() {
  static const std::vector<std::string> kKinds = {"hypervisor", "store", "factory", "shim",
                                                  "proxy",      "agent", "network"};
  return kKinds;
}

bool NoteOption::HasFlag(std::string_view flag) const {
  const std::vector<std::string> all = Split(flags, ',');
  return std::find(all.begin(), all.end(), flag) != all.end();
}

bool Note::Announces(std::string_view interface_id) const {
  return std::any_of(interfaces.begin(), interfaces.end(),
                     [&](const auto& announced) { return announced.first == interface_id; });
}

Note ParseNote(std::string_view text) {
  Note note;
  for (const std::string& line : Split(text.substr(0, text.find('\0')), '\n')) {
    if (!line.empty()) Take(Fields(line), &note);
  }
  return note;
}

std::vector<std::string> NoteFormProblems(std::string_view text) {
  std::vector<std::string> out;
  const std::size_t end = text.find('\0');
  if (end != std::string_view::npos &&
      text.find_first_not_of('\0', end) != std::string_view::npos) {
    out.emplace_back("there is text behind the first NUL, which no host reads");
  }
  text = text.substr(0, end);
  if (text.empty() || text.back() != '\n') out.emplace_back("the last record has no line end");
  if (!sdk::internal::IsUtf8(text)) out.emplace_back("the text is not UTF-8");
  std::size_t plugins = 0;
  std::size_t abis = 0;
  for (const std::string& line : Split(text.substr(0, text.find_last_not_of('\n') + 1), '\n')) {
    const std::vector<std::string> fields = Fields(line);
    plugins += fields[0] == "plugin" ? 1U : 0U;
    abis += fields[0] == "abi" ? 1U : 0U;
    if (HasControlBytes(line)) out.emplace_back("a record contains control characters");
    if (std::string problem = LineProblem(fields, line); !problem.empty()) out.push_back(problem);
  }
  if (plugins != 1) out.push_back(std::to_string(plugins) + " records \"plugin\"; there is one");
  if (abis != 1) out.push_back(std::to_string(abis) + " records \"abi\"; there is one");
  return out;
}

std::vector<std::string> NoteIdentityProblems(const Note& note) {
  std::vector<std::string> out;
  const auto& kinds = KnownKinds();
  if (std::find(kinds.begin(), kinds.end(), note.kind) == kinds.end()) {
    out.push_back("kind " + Quoted(note.kind) + " is unknown; known are " + Join(kinds, ", "));
  }
  if (std::string problem = IdProblem(note); !problem.empty()) out.push_back(problem);
  if (!Matches(note.version, "(0|[1-9][0-9]*)(\\.(0|[1-9][0-9]*)){1,2}([-+][0-9A-Za-z.+-]+)?")) {
    out.push_back("version " + Quoted(note.version) + " is not like 1.2.0 or 1.2.0-rc1");
  }
  for (const auto& [what, text] : {std::pair{"vendor", &note.vendor}, {"licence", &note.licence}}) {
    if (text->empty() || text->size() > kTextMax) {
      out.push_back(std::string(what) + " has " + std::to_string(text->size()) +
                    " bytes; 1 to 256 are allowed");
    }
  }
  return out;
}

std::vector<std::string> NoteAbiProblems(const Note& note) {
  if (note.abi_min >= 1 && note.abi_max >= note.abi_min) return {};
  return {"the ABI range " + std::to_string(note.abi_min) + " to " + std::to_string(note.abi_max) +
          " is none; write SHOJI_NOTE_ABI(\"1\", \"1\")"};
}

std::vector<std::string> NoteInterfaceProblems(const Note& note) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const auto& [id, minor] : note.interfaces) {
    if (!Matches(id, "[a-z][a-z0-9-]*(\\.[a-z0-9-]+)+/[1-9][0-9]*")) {
      out.push_back("interface id " + Quoted(id) + " is not like shoji.store/1");
    }
    if (!IsUnsigned(minor)) out.push_back("minor " + Quoted(minor) + " of " + id + " is no number");
    if (!seen.insert(id).second) out.push_back("interface " + id + " is there twice");
  }
  const std::string required = "shoji." + note.kind + "/1";
  if (!note.Announces(required)) out.push_back("the kind needs interface " + required);
  return out;
}

std::vector<std::string> NoteOptionProblems(const Note& note) {
  std::vector<std::string> out;
  std::set<std::string> names;
  for (const NoteOption& option : note.options) {
    if (std::string problem = OptionProblem(option); !problem.empty()) {
      out.push_back("option " + Quoted(option.name) + ": " + problem);
    }
    if (!names.insert(option.name).second) {
      out.push_back("option " + Quoted(option.name) + " is there twice");
    }
  }
  return out;
}

Result<std::string> CanonicalValue(std::string_view type, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return InvalidArgument("the value contains a NUL byte");
  }
  if (type == "int") return Decimal(ParseInt(text));
  if (type == "size") return Decimal(ParseSize(text));
  if (type == "bool") return Bool(text);
  if (type == "path") return PathValue(text);
  if (type == "list") return List(text);
  if (type == "duration") return Duration(text);
  return std::string(text);
}

}  // namespace shoji::validate

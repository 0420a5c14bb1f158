// The script for zsh: a call of _arguments for each command.
#include "completion.h"
#include "registry.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

// Inside single quotes, and inside the brackets of a specification of _arguments.
std::string Quoted(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string ActionOf(ValueKind kind) {
  switch (kind) {
    case ValueKind::kFile:
      return "_files";
    case ValueKind::kDirectory:
      return "_files -/";
    case ValueKind::kId:
      return "_shoji_ask ids";
    case ValueKind::kStore:
      return "_shoji_ask stores";
    case ValueKind::kPlugin:
      return "_shoji_ask plugins";
    case ValueKind::kCommand:
      return "_command_names -e";
    default:
      return " ";
  }
}

std::string ValueOf(const OptionDoc& option) {
  if (option.value_name.empty()) return {};
  const std::string action = option.kind == ValueKind::kChoice
                                 ? "(" + Join(option.choices, " ") + ")"
                                 : ActionOf(option.kind);
  return ":" + Quoted(option.value_name) + ":" + action;
}

std::string OptionSpecs(const std::vector<OptionDoc>& options, const std::string& indent) {
  std::string out;
  for (const OptionDoc& option : options) {
    // "*": it may be given again. A long one takes its value after "=" or as the next word.
    const std::string help = "[" + Quoted(option.help) + "]" + ValueOf(option) + "'";
    out +=
        indent + "'*" + LongFlag(option) + (option.value_name.empty() ? "" : "=") + help + " \\\n";
    if (option.letter == 0) continue;
    out +=
        indent + "'*" + ShortFlag(option) + (option.value_name.empty() ? "" : "+") + help + " \\\n";
  }
  return out;
}

std::string WordSpecs(const Command& command, const std::string& indent) {
  if (command.name == "completion") return indent + "'1:SHELL:(bash zsh fish)'\n";
  std::string out;
  int at = 0;
  for (const ValueKind kind : WordsOf(command)) {
    ++at;
    if (kind == ValueKind::kCommand) {
      return out + indent + "'" + std::to_string(at) + ":command:" + ActionOf(kind) + "' \\\n" +
             indent + "'*::arguments:_normal'\n";
    }
    out += indent + "'" + std::to_string(at) + ":word:" + ActionOf(kind) + "' \\\n";
  }
  return out + indent + "&& return\n";
}

std::string CommandCase(const Command& command) {
  const std::string indent = "        ";
  return "    '" + command.name + "')\n      _arguments -s -S \\\n" +
         OptionSpecs(OptionsOf(command), indent) + WordSpecs(command, indent) + "      ;;\n";
}

// "'run:Run a container'" for the first or second word of a command.
std::string Described(const std::string& word, const std::string& summary) {
  return "'" + Quoted(word) + ":" + Quoted(summary) + "'";
}

std::string SummaryOf(const std::string& first) {
  for (const Command* command : ShownCommands()) {
    if (command->name == first) return command->summary;
  }
  return Join(SecondWordsOf(first), ", ");
}

std::string FirstList() {
  std::string out;
  for (const std::string& first : FirstWords()) {
    out += "    " + Described(first, SummaryOf(first)) + "\n";
  }
  return out;
}

std::string SecondCases() {
  std::string out;
  for (const std::string& first : FirstWords()) {
    if (SecondWordsOf(first).empty()) continue;
    out += "    " + first + ") seconds=(";
    for (const Command* command : ShownCommands()) {
      const auto words = NameWords(*command);
      if (words.size() == 2 && words[0] == first) {
        out += "\n      " + Described(words[1], command->summary);
      }
    }
    out += ") ;;\n";
  }
  return out;
}

constexpr const char* kHead = R"sh(#compdef shoji
# Completion of shoji for zsh. Made by: shoji completion zsh

# The words that the program knows and the script does not.
_shoji_ask() {
  local -a found
  found=(${(f)"$(shoji $_shoji_place __complete $1 2>/dev/null)"})
  compadd -a found
}

_shoji_setting() {
  local -a found
  found=(${(f)"$(shoji $_shoji_place __complete options 2>/dev/null)"})
  compadd -S '=' -a found
}

)sh";

constexpr const char* kMain = R"sh(_shoji() {
  local name=$words[1] first i
  local -a seconds _shoji_place
  # Options before the command say where the sandboxes are.
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
      --root|--config|--log-level|--log|--log-format) _shoji_place+=($words[i] $words[i+1]); ((i++)) ;;
      -*) _shoji_place+=($words[i]) ;;
      *) break ;;
    esac
  done
  if [[ $words[CURRENT] == --*.* ]]; then _shoji_setting; return; fi
  if ((i >= CURRENT)); then
    _shoji_global
    return
  fi
  if [[ $words[i] == help ]]; then ((i++)); fi
  if ((i >= CURRENT)); then
    _describe command _shoji_firsts
    return
  fi
  first=$words[i]
  _shoji_seconds $first
  if (($#seconds)); then
    ((i++))
    if ((i >= CURRENT)); then
      _describe command seconds
      return
    fi
    first+=" $words[i]"
  fi
  # The command takes the place of the program's name.
  words=($name $words[i+1,-1])
  CURRENT=$((CURRENT - i + 1))
  _shoji_command $first
}

_shoji "$@"
)sh";

}  // namespace

std::string ZshCompletion() {
  std::string cases;
  for (const Command* command : ShownCommands()) cases += CommandCase(*command);
  return std::string(kHead) + "typeset -ga _shoji_firsts\n_shoji_firsts=(\n" + FirstList() +
         ")\n\n_shoji_seconds() {\n  case $1 in\n" + SecondCases() + "  esac\n}\n\n" +
         "_shoji_global() {\n  _arguments -s -S \\\n" +
         OptionSpecs(OptionsBeforeCommand(), "    ") +
         "    '1:command:{_describe command _shoji_firsts}'\n}\n\n" +
         "_shoji_command() {\n  case $1 in\n" + cases + "  esac\n}\n\n" + kMain;
}

}  // namespace shoji::cli

// The script for bash: a table of cases, and the functions that read it.
#include "completion.h"
#include "registry.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

// What a function of the script calls this kind.
std::string WordOf(ValueKind kind) {
  switch (kind) {
    case ValueKind::kFile:
    case ValueKind::kCommand:
      return "@files";
    case ValueKind::kDirectory:
      return "@dirs";
    case ValueKind::kId:
      return "@ids";
    case ValueKind::kStore:
      return "@stores";
    case ValueKind::kPlugin:
      return "@plugins";
    default:
      return "@none";
  }
}

std::string Flags(const std::vector<OptionDoc>& options) {
  std::vector<std::string> out;
  for (const OptionDoc& option : options) {
    out.push_back(LongFlag(option));
    if (option.letter != 0) out.push_back(ShortFlag(option));
  }
  return Join(out, " ");
}

// "    'run --memory'|'run -m') echo ... ;;" for each option that takes a value.
std::string ValueCases(const std::string& command, const std::vector<OptionDoc>& options) {
  std::string out;
  for (const OptionDoc& option : options) {
    if (option.value_name.empty()) continue;
    out += "    '" + command + " " + LongFlag(option) + "'";
    if (option.letter != 0) out += "|'" + command + " " + ShortFlag(option) + "'";
    const std::string values =
        option.kind == ValueKind::kChoice ? Join(option.choices, " ") : WordOf(option.kind);
    out += ") echo '" + values + "' ;;\n";
  }
  return out;
}

std::string WordCase(const Command& command) {
  std::vector<std::string> words;
  for (const ValueKind kind : WordsOf(command)) words.push_back(WordOf(kind));
  if (command.name == "completion") return "    'completion') echo '@bash,zsh,fish' ;;\n";
  return "    '" + command.name + "') echo '" + Join(words, " ") + "' ;;\n";
}

std::string Function(const std::string& name, const std::string& comment,
                     const std::string& cases) {
  return "# " + comment + "\n" + name + "() {\n  case $1 in\n" + cases + "  esac\n}\n\n";
}

// Reads the tables above it. The words that are split at "=" are put together again, and
// options for the program itself are handed on, for they say where the sandboxes are.
constexpr const char* kReader = R"sh(# The words that the program knows and the script does not.
_shoji_ask() {
  COMPREPLY+=($(compgen -W "$("${program[@]}" __complete "$1" 2>/dev/null)" -- "$cur"))
}

_shoji_offer() {
  local kind=$1
  case $kind in
    @files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$cur")) ;;
    @dirs) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- "$cur")) ;;
    @none|'') ;;
    @ids|@stores|@plugins) _shoji_ask "${kind#@}" ;;
    @*) kind=${kind#@}; COMPREPLY+=($(compgen -W "${kind//,/ }" -- "$cur")) ;;
  esac
}

_shoji_flags() {
  COMPREPLY+=($(compgen -W "$(_shoji_options "$command")" -- "$cur"))
  if [[ $cur == --?* ]]; then
    local before=${#COMPREPLY[@]}
    _shoji_ask options
    # A value is to follow at once.
    if ((before == 0 && ${#COMPREPLY[@]} > 0)); then compopt -o nospace 2>/dev/null; fi
  fi
}

_shoji() {
  local cur command='' option='' word at=0 i values IFS=$' \t\n'
  local -a line=() program=("${COMP_WORDS[0]}") kinds=()
  COMPREPLY=()
  # "--format=json" arrives as three words.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == '=' && ${#line[@]} -gt 0 && ${line[-1]} == --* ]]; then
      option=${line[-1]}
      ((i < COMP_CWORD)) || { line+=(''); continue; }
      i=$((i + 1))
      line[-1]+="=${COMP_WORDS[i]}"
      ((i < COMP_CWORD)) || { line[-1]=$option; line+=("${COMP_WORDS[i]}"); }
      continue
    fi
    line+=("$word")
  done
  cur=${line[-1]}
  unset 'line[-1]'
  option=''
  # Which command, how many words after it, and whether an option waits for its value.
  for word in "${line[@]}"; do
    if [[ -n $option ]]; then
      if [[ -z $command ]]; then program+=("$option" "$word"); fi
      option=''
    elif [[ $word == -* ]]; then
      if [[ $word == --*=* ]]; then
        if [[ -z $command || ${word%%=*} == *.* ]]; then program+=("$word"); fi
      elif [[ $word == --*.* || -n $(_shoji_value "$command $word") ]]; then
        option=$word
      fi
    elif [[ -z $command || " $(_shoji_second "$command") " == *" $word "* ]]; then
      command+="${command:+ }$word"
      if [[ $command == help ]]; then command=''; fi
    else
      at=$((at + 1))
    fi
  done
  if [[ -n $option ]]; then
    values=$(_shoji_value "$command $option")
    if [[ $values == @* ]]; then
      _shoji_offer "$values"
    else
      COMPREPLY=($(compgen -W "$values" -- "$cur"))
    fi
  elif [[ $cur == -* ]]; then
    _shoji_flags
  elif [[ -z $command ]]; then
    COMPREPLY=($(compgen -W "$(_shoji_second '')" -- "$cur"))
  elif [[ -n $(_shoji_second "$command") ]]; then
    COMPREPLY=($(compgen -W "$(_shoji_second "$command")" -- "$cur"))
  else
    kinds=($(_shoji_words "$command"))
    _shoji_offer "${kinds[at]:-}"
  fi
}

complete -F _shoji shoji
)sh";

}  // namespace

std::string BashCompletion() {
  std::string options;
  std::string values = ValueCases("", OptionsBeforeCommand());
  std::string words;
  for (const Command* command : ShownCommands()) {
    const std::vector<OptionDoc> own = OptionsOf(*command);
    options += "    '" + command->name + "') echo '" + Flags(own) + "' ;;\n";
    values += ValueCases(command->name, own);
    words += WordCase(*command);
  }
  options += "    '') echo '" + Flags(OptionsBeforeCommand()) + "' ;;\n";
  std::string seconds = "    '') echo '" + Join(FirstWords(), " ") + " help' ;;\n";
  for (const std::string& first : FirstWords()) {
    const std::vector<std::string> after = SecondWordsOf(first);
    if (!after.empty()) seconds += "    '" + first + "') echo '" + Join(after, " ") + "' ;;\n";
  }
  return "# Completion of shoji for bash. Made by: shoji completion bash\n\n" +
         Function("_shoji_second", "The words that may follow the beginning of a command.",
                  seconds) +
         Function("_shoji_options", "The options of a command; of none: those before it.",
                  options) +
         Function("_shoji_value", "What the value of an option may be.", values) +
         Function("_shoji_words", "What the words of a command are, in order.", words) + kReader;
}

}  // namespace shoji::cli

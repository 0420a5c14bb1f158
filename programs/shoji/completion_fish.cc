// The script for fish: one line of `complete` for each word and option.
#include "completion.h"
#include "registry.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// What follows an option: files by default, so "-f" keeps them off.
std::string Values(ValueKind kind, const std::vector<std::string>& choices) {
  switch (kind) {
    case ValueKind::kFile:
    case ValueKind::kCommand:
      return " -F";
    case ValueKind::kDirectory:
      return " -f -a '(__fish_complete_directories)'";
    case ValueKind::kId:
      return " -f -a '(__shoji_ask ids)'";
    case ValueKind::kStore:
      return " -f -a '(__shoji_ask stores)'";
    case ValueKind::kPlugin:
      return " -f -a '(__shoji_ask plugins)'";
    case ValueKind::kChoice:
      return " -f -a " + Quoted(Join(choices, " "));
    case ValueKind::kOther:
      break;
  }
  return " -f";
}

std::string OptionLine(const std::string& condition, const OptionDoc& option) {
  std::string out = "complete -c shoji -n " + Quoted(condition) + " -l " + option.name;
  if (option.letter != 0) out += std::string(" -s ") + option.letter;
  if (!option.value_name.empty()) out += " -r" + Values(option.kind, option.choices);
  return out + " -d " + Quoted(option.help) + "\n";
}

std::string CommandLines(const Command& command) {
  const std::string condition = "__shoji_in " + command.name;
  std::string out;
  for (const OptionDoc& option : OptionsOf(command)) out += OptionLine(condition, option);
  std::size_t at = 0;
  for (const ValueKind kind : WordsOf(command)) {
    const std::string here = "__shoji_at " + std::to_string(at++) + " " + command.name;
    if (kind == ValueKind::kOther) continue;
    out += "complete -c shoji -n " + Quoted(here) + Values(kind, {}) + "\n";
  }
  if (command.name == "completion") {
    out += "complete -c shoji -n '__shoji_at 0 completion' -f -a 'bash zsh fish'\n";
  }
  return out;
}

std::string NameLine(const Command& command) {
  const std::vector<std::string> words = NameWords(command);
  const std::string before = words.size() == 1 ? "__shoji_at 0" : "__shoji_at 0 " + words[0];
  return "complete -c shoji -n " + Quoted(before) + " -f -a " + Quoted(words.back()) + " -d " +
         Quoted(command.summary) + "\n";
}

constexpr const char* kHead = R"sh(# Completion of shoji for fish. Made by: shoji completion fish

# The words of the line without options, "help" and the program's name; __shoji_place has the
# options that say where the sandboxes are.
function __shoji_line
    set -g __shoji_place
    set -l words
    set -l value ''
    for word in (commandline -opc)[2..-1]
        if test -n "$value"
            test (count $words) -eq 0; and set -a __shoji_place $value $word
            set value ''
        else if contains -- $word $__shoji_valued
            set value $word
        else if string match -q -- '-*' $word
            test (count $words) -eq 0; and set -a __shoji_place $word
        else if test "$word" != help -o (count $words) -gt 0
            set -a words $word
        end
    end
    string join \n -- $words
end

# Whether the line names this command.
function __shoji_in
    set -l line (__shoji_line)
    set -l many (count $argv)
    test (count $line) -ge $many; and test "$line[1..$many]" = "$argv"
end

# Whether so many words stand after this beginning.
function __shoji_at -a count
    set -l line (__shoji_line)
    set -e argv[1]
    set -l many (count $argv)
    test (count $line) -eq (math $count + $many); or return 1
    test $many -eq 0; or test "$line[1..$many]" = "$argv"
end

# The words that the program knows and the script does not.
function __shoji_ask
    __shoji_line >/dev/null
    shoji $__shoji_place __complete $argv 2>/dev/null
end

complete -c shoji -f
complete -c shoji -n 'string match -q -- "--*.*" (commandline -ct)' -f -a '(__shoji_ask options)'
)sh";

// Options whose value is the next word.
std::string Valued() {
  std::vector<std::string> flags;
  const auto take = [&](const std::vector<OptionDoc>& options) {
    for (const OptionDoc& option : options) {
      if (option.value_name.empty()) continue;
      flags.push_back(LongFlag(option));
      if (option.letter != 0) flags.push_back(ShortFlag(option));
    }
  };
  take(OptionsBeforeCommand());
  for (const Command* command : ShownCommands()) take(OptionsOf(*command));
  return "set -g __shoji_valued " + Join(flags, " ") + "\n";
}

}  // namespace

std::string FishCompletion() {
  std::string out = std::string(kHead) + Valued();
  for (const OptionDoc& option : OptionsBeforeCommand()) out += OptionLine("__shoji_at 0", option);
  for (const std::string& first : FirstWords()) {
    const std::vector<std::string> after = SecondWordsOf(first);
    if (after.empty()) continue;
    out += "complete -c shoji -n '__shoji_at 0' -f -a " + Quoted(first) + " -d " +
           Quoted(Join(after, ", ")) + "\n";
  }
  for (const Command* command : ShownCommands()) {
    out += NameLine(*command) + CommandLines(*command);
  }
  return out;
}

}  // namespace shoji::cli

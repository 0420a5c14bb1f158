#include "help.h"

#include <algorithm>

#include "registry.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

constexpr std::size_t kWidth = 79;
constexpr std::size_t kIndent = 12;
constexpr std::size_t kWidestFlag = 30;

// A word that is wider than `room` in pieces, cut behind commas.
std::vector<std::string> Pieces(const std::vector<std::string>& words, std::size_t room) {
  std::vector<std::string> out;
  for (std::string word : words) {
    while (word.size() > room) {
      const std::size_t comma = word.rfind(',', room - 1);
      if (comma == std::string::npos) break;
      out.push_back(word.substr(0, comma + 1));
      word.erase(0, comma + 1);
    }
    out.push_back(std::move(word));
  }
  return out;
}

// Appends `words` to lines that begin with `first` and are indented after it.
void Wrap(const std::string& first, std::size_t indent, const std::vector<std::string>& words,
          std::string& out) {
  std::string line = first;
  line.resize(std::max(line.size(), indent), ' ');
  std::size_t begin = line.size();
  for (const std::string& word : Pieces(words, kWidth - indent)) {
    if (line.size() > begin && line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line.assign(indent, ' ');
      begin = indent;
    } else if (line.size() > begin) {
      line += ' ';
    }
    line += word;
  }
  out += line + "\n";
}

// One word for each command; those of two words together: "plugin list|info|check".
std::vector<std::string> NamesIn(CommandGroup group) {
  std::vector<std::string> out;
  for (const Command* command : ShownCommands()) {
    if (command->group != group) continue;
    const std::vector<std::string> words = NameWords(*command);
    const std::string head = words[0] + " ";
    const auto same = std::find_if(
        out.begin(), out.end(), [&](const std::string& each) { return each.rfind(head, 0) == 0; });
    if (words.size() == 1) {
      out.push_back(words[0]);
    } else if (same == out.end()) {
      out.push_back(command->name);
    } else {
      *same += "|" + words[1];
    }
  }
  return out;
}

const char* ShortTitle(CommandGroup group) {
  switch (group) {
    case CommandGroup::kEngines:
      return "Engines";
    case CommandGroup::kMachine:
      return "Machine";
    case CommandGroup::kPlugins:
      return "Plugins";
    case CommandGroup::kStores:
      return "Records";
    default:
      return "Containers";
  }
}

std::string FlagsOf(const OptionDoc& option) {
  const std::string letter = option.letter == 0 ? "    " : ShortFlag(option) + ", ";
  std::string out = "  " + letter + LongFlag(option);
  if (!option.value_name.empty()) out += " " + option.value_name;
  return out;
}

void AddOptions(const std::vector<OptionDoc>& options, std::string& out) {
  std::size_t indent = 0;
  for (const OptionDoc& option : options) {
    if (const std::size_t size = FlagsOf(option).size(); size <= kWidestFlag) {
      indent = std::max(indent, size + 2);
    }
  }
  for (const OptionDoc& option : options) {
    std::string flags = FlagsOf(option);
    if (flags.size() + 2 > indent) {
      out += flags + "\n";
      flags.clear();
    }
    Wrap(flags, indent, Split(option.help, ' '), out);
  }
}

constexpr const char* kAnyOption =
    "  --SECTION.OPTION=VALUE  any option of the configuration, see shoji.toml(5)\n";
constexpr std::ptrdiff_t kScreenLines = 23;  // one is for the shell

std::ptrdiff_t LinesIn(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

// "--config FILE", without what they do.
std::vector<std::string> FlagWords(const std::vector<OptionDoc>& options) {
  std::vector<std::string> out;
  for (const OptionDoc& option : options) {
    out.push_back(LongFlag(option) + (option.value_name.empty() ? "" : " " + option.value_name));
  }
  out.push_back("--SECTION.OPTION=VALUE");
  return out;
}

}  // namespace

std::string OverviewText() {
  std::string out =
      "Shoji runs containers in virtual machines.\n"
      "Usage: shoji [global options] COMMAND [options] [words]\n\n";
  for (const CommandGroup group : ShownGroups()) {
    const std::vector<std::string> names = NamesIn(group);
    if (!names.empty()) Wrap(ShortTitle(group), kIndent, names, out);
  }
  std::string options = "Global options:\n";
  AddOptions(OptionsBeforeCommand(), options);
  options += kAnyOption;
  const std::string end =
      "\nshoji help all tells what each does, shoji COMMAND --help all about one.\n";
  if (LinesIn(out + options + end) + 1 > kScreenLines) {
    options.clear();
    Wrap("Options", kIndent, FlagWords(OptionsBeforeCommand()), options);
  }
  return out + "\n" + options + end;
}

std::string AllCommandsText() {
  std::string out = "Usage: shoji [global options] COMMAND [options] [words]\n";
  std::size_t indent = 0;
  for (const Command* command : ShownCommands()) {
    indent = std::max(indent, command->name.size() + 4);
  }
  for (const CommandGroup group : ShownGroups()) {
    std::string part;
    for (const Command* command : ShownCommands()) {
      if (command->group != group) continue;
      Wrap("  " + command->name, indent, Split(command->summary, ' '), part);
    }
    if (!part.empty()) out += std::string("\n") + TitleOf(group) + ":\n" + part;
  }
  out += "\nGlobal options:\n";
  AddOptions(OptionsBeforeCommand(), out);
  return out + kAnyOption;
}

std::string CommandText(const Command& command) {
  std::string out = "Usage: shoji " + command.name + " [options]";
  if (!command.words.empty()) out += " " + command.words;
  out += "\n\n" + command.summary + "\n\nOptions:\n";
  AddOptions(OptionsOf(command), out);
  return out;
}

}  // namespace shoji::cli

#include "registry.h"

#include <algorithm>

#include "arguments.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

// "table or json", "trace, debug, info, warn, error or off": the help of an option that takes
// one of a few words names nothing else.
std::vector<std::string> ChoicesOf(const std::string& help) {
  std::string text = help;
  const std::size_t last = text.find(" or ");
  if (last == std::string::npos) return {};
  text.replace(last, 4, ", ");
  std::vector<std::string> out;
  for (const std::string& part : Split(text, ',')) {
    const std::string word(Trim(part));
    // A remark behind the word: "block (default)".
    const std::string choice = word.substr(0, word.find(" (default)"));
    if (choice.empty() || choice.find(' ') != std::string::npos) return {};
    out.push_back(choice);
  }
  return out;
}

// What such names stand for is one of a few words; "name or number" is none.
bool IsChoice(const std::string& value_name) {
  return value_name == "FORMAT" || value_name == "LEVEL" || value_name == "KIND";
}

ValueKind KindOfName(std::string name) {
  std::erase_if(name, [](char c) { return c == '[' || c == ']' || c == '.'; });
  if (name == "FILE" || name == "PATH" || name == "FILE|-" || name.rfind("HOST:", 0) == 0) {
    return ValueKind::kFile;
  }
  if (name == "DIR") return ValueKind::kDirectory;
  if (name == "ID" || name == "CONTAINER") return ValueKind::kId;
  if (name == "FROM" || name == "TO" || name == "STORE") return ValueKind::kStore;
  if (name == "KIND/ID") return ValueKind::kPlugin;
  if (name == "COMMAND") return ValueKind::kCommand;
  return ValueKind::kOther;
}

// Boost says "FORMAT (=table)".
constexpr const char* kBeforeDefault = " (=";

std::string ValueName(const po::option_description& option) {
  if (option.semantic()->max_tokens() == 0) return {};
  const std::string text = option.format_parameter();
  return text.substr(0, text.find(kBeforeDefault));
}

std::string DefaultOf(const po::option_description& option) {
  const std::string text = option.format_parameter();
  const std::size_t at = text.find(kBeforeDefault);
  if (at == std::string::npos || text.back() != ')') return {};
  const std::size_t begin = at + std::string(kBeforeDefault).size();
  return text.substr(begin, text.size() - 1 - begin);
}

OptionDoc DocOf(const po::option_description& option) {
  OptionDoc doc;
  doc.name = option.long_name();
  const std::string flag =
      option.canonical_display_name(po::command_line_style::allow_dash_for_short);
  if (flag.size() == 2 && flag[0] == '-') doc.letter = flag[1];
  doc.value_name = ValueName(option);
  doc.help = option.description();
  if (doc.value_name.empty()) return doc;
  if (IsChoice(doc.value_name)) doc.choices = ChoicesOf(doc.help);
  if (const std::string value = DefaultOf(option); !value.empty()) {
    doc.help += " (default " + value + ")";
  }
  doc.kind = doc.choices.empty() ? KindOfName(doc.value_name) : ValueKind::kChoice;
  // "id of the sandbox; a random one else" asks for a new one.
  if (doc.kind == ValueKind::kId && doc.name == "name") doc.kind = ValueKind::kOther;
  return doc;
}

std::vector<OptionDoc> DocsOf(const po::options_description& options) {
  std::vector<OptionDoc> out;
  for (const auto& option : options.options()) out.push_back(DocOf(*option));
  return out;
}

}  // namespace

std::vector<OptionDoc> OptionsOf(const Command& command) {
  po::options_description options;
  command.describe(options);
  std::vector<OptionDoc> out = DocsOf(options);
  const auto is_help = [](const OptionDoc& option) { return option.name == "help"; };
  if (std::none_of(out.begin(), out.end(), is_help)) {
    out.push_back({"help", 'h', "", "show this help", ValueKind::kOther, {}});
  }
  return out;
}

std::vector<OptionDoc> OptionsBeforeCommand() { return DocsOf(GlobalDescription()); }

std::string LongFlag(const OptionDoc& option) { return "--" + option.name; }

std::string ShortFlag(const OptionDoc& option) {
  return option.letter == 0 ? std::string() : std::string("-") + option.letter;
}

std::vector<ValueKind> WordsOf(const Command& command) {
  std::vector<ValueKind> out;
  for (const std::string& word : Split(command.words, ' ')) {
    if (word.empty() || word == "[--]" || word == "[--") continue;
    ValueKind kind = KindOfName(word);
    if (kind == ValueKind::kId && command.group == CommandGroup::kStores) kind = ValueKind::kStore;
    out.push_back(kind);
    if (kind == ValueKind::kCommand) break;
  }
  return out;
}

std::vector<const Command*> ShownCommands() {
  std::vector<const Command*> out;
  for (const Command& command : AllCommands()) {
    if (command.group != CommandGroup::kHidden) out.push_back(&command);
  }
  return out;
}

const char* TitleOf(CommandGroup group) {
  switch (group) {
    case CommandGroup::kPeople:
      return "Sandboxes and containers";
    case CommandGroup::kEngines:
      return "For container engines";
    case CommandGroup::kMachine:
      return "This machine";
    case CommandGroup::kPlugins:
      return "Plugins";
    case CommandGroup::kStores:
      return "Records";
    case CommandGroup::kHidden:
      break;
  }
  return "Hidden";
}

std::vector<CommandGroup> ShownGroups() {
  return {CommandGroup::kPeople, CommandGroup::kEngines, CommandGroup::kMachine,
          CommandGroup::kPlugins, CommandGroup::kStores};
}

std::vector<std::string> NameWords(const Command& command) { return Split(command.name, ' '); }

std::vector<std::string> FirstWords() {
  std::vector<std::string> out;
  for (const Command* command : ShownCommands()) {
    const std::string first = NameWords(*command)[0];
    if (std::find(out.begin(), out.end(), first) == out.end()) out.push_back(first);
  }
  return out;
}

std::vector<std::string> SecondWordsOf(const std::string& first) {
  std::vector<std::string> out;
  for (const Command* command : ShownCommands()) {
    const std::vector<std::string> words = NameWords(*command);
    if (words.size() == 2 && words[0] == first) out.push_back(words[1]);
  }
  return out;
}

}  // namespace shoji::cli

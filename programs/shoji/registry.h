// Commands and their options as data: what help, completion and manual are made from.
//
// Purpose  Reads back what each command declares to Boost.Program_options, so that nothing is
//          written down twice.
// Threads  Safe, no state.
// Example  for (const OptionDoc& option : OptionsOf(kRun)) puts(option.name.c_str());
#ifndef SHOJI_PROGRAMS_SHOJI_REGISTRY_H_
#define SHOJI_PROGRAMS_SHOJI_REGISTRY_H_

#include <string>
#include <vector>

#include "command.h"

namespace shoji::cli {

// What a value or a word is, for the shell to offer some.
enum class ValueKind {
  kOther,      // nobody knows
  kFile,       // a path
  kDirectory,  // the path of a directory
  kId,         // of a sandbox or container
  kStore,      // id of a store plugin
  kPlugin,     // "store/sqlite"
  kCommand,    // a program, then its arguments
  kChoice,     // one of OptionDoc::choices
};

struct OptionDoc {
  std::string name;        // "memory"
  char letter = 0;         // 0: none
  std::string value_name;  // "SIZE"; empty: it takes no value
  std::string help;
  ValueKind kind = ValueKind::kOther;
  std::vector<std::string> choices;
};

// The options of a command, --help with them.
std::vector<OptionDoc> OptionsOf(const Command& command);
// Those before the command.
std::vector<OptionDoc> OptionsBeforeCommand();

// "--memory", "-m"
std::string LongFlag(const OptionDoc& option);
std::string ShortFlag(const OptionDoc& option);

// What each of its words is, in order.
std::vector<ValueKind> WordsOf(const Command& command);

// All but the hidden ones, in the order of AllCommands().
std::vector<const Command*> ShownCommands();
const char* TitleOf(CommandGroup group);
// Those that are shown, in order.
std::vector<CommandGroup> ShownGroups();

// The words of a name: {"device", "add"}.
std::vector<std::string> NameWords(const Command& command);
// The first words of all that are shown, each once; and what may follow one: {"add", "remove"}.
std::vector<std::string> FirstWords();
std::vector<std::string> SecondWordsOf(const std::string& first);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_REGISTRY_H_

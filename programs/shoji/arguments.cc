#include "arguments.h"

#include <algorithm>

#include "help.h"
#include "oci/engine_log.h"
#include "shoji/base/strings.h"

namespace shoji::cli {

namespace po = boost::program_options;

po::options_description GlobalDescription() {
  po::options_description options("Global options");
  options.add_options()                                                               //
      ("help,h", "show this help")                                                    //
      ("version,v", "show the version")                                               //
      ("config", po::value<std::vector<std::string>>()->value_name("FILE"),           //
       "configuration file or directory, instead of /etc/shoji; may be given again")  //
      ("root", po::value<std::string>()->value_name("DIR"),                           //
       "directory for the state of running sandboxes (/run/shoji)")                   //
      ("log-level", po::value<std::string>()->value_name("LEVEL"),                    //
       "trace, debug, info, warn, error or off")                                      //
      ("debug", "the same as --log-level=debug")                                      //
      ("log", po::value<std::string>()->value_name("FILE"),                           //
       "for engines: tell there why a command fails")                                 //
      ("log-format", po::value<std::string>()->value_name("FORMAT"),                  //
       "of that file: text or json")                                                  //
      ("systemd-cgroup", "take linux.cgroupsPath as slice:prefix:name")               //
      ("cgroup-manager", po::value<std::string>()->value_name("NAME"),                //
       "cgroupfs, systemd or disabled: who names control groups")                     //
      ("rootless", po::value<std::string>()->value_name("WORD"), "for engines: ignored");
  return options;
}

namespace {

// "--hypervisor.qemu.memory=1G": a value for an option of the configuration.
bool IsOverride(const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  return word.size() > 2 && word.compare(0, 2, "--") == 0 && name.find('.') != std::string::npos;
}

const po::option_description* FindLetter(const po::options_description& known, char letter) {
  for (const auto& option : known.options()) {
    const std::string name =
        option->canonical_display_name(po::command_line_style::allow_dash_for_short);
    if (name.size() == 2 && name[1] == letter) return option.get();
  }
  return nullptr;
}

const po::option_description* FindName(const po::options_description& known,
                                       const std::string& name) {
  for (const auto& option : known.options()) {
    if (option->long_name() == name) return option.get();
  }
  return nullptr;
}

bool TakesValue(const po::option_description& option) {
  return option.semantic()->max_tokens() > 0;
}

// What a word like "--env", "--env=A=b", "-it" or "-eA=b" is.
struct OptionWord {
  bool known = false;
  bool takes_next_word = false;
};

OptionWord Letters(const po::options_description& known, const std::string& word) {
  for (std::size_t i = 1; i < word.size(); ++i) {
    const po::option_description* option = FindLetter(known, word[i]);
    if (option == nullptr) return {};
    // The rest of the word, or the next one, is the value.
    if (TakesValue(*option)) return {true, i + 1 == word.size()};
  }
  return {true, false};
}

OptionWord Classify(const po::options_description& known, const std::string& word) {
  if (word.compare(0, 2, "--") != 0) return Letters(known, word);
  const std::size_t equals = word.find('=');
  const po::option_description* option =
      FindName(known, word.substr(2, equals == std::string::npos ? std::string::npos : equals - 2));
  if (option == nullptr) return {};
  return {true, TakesValue(*option) && equals == std::string::npos};
}

Status UnknownOption(const po::options_description& known, const std::string& word) {
  std::vector<std::string> names;
  for (const auto& option : known.options()) names.push_back("--" + option->long_name());
  const std::string near = Suggest(word.substr(0, word.find('=')), names);
  return InvalidArgument("unknown option " + word +
                         (near.empty() ? "; see --help" : "; did you mean " + near + "?"));
}

struct Cut {
  std::vector<std::string> options;
  std::vector<std::pair<std::string, std::string>> overrides;
  std::size_t rest = 0;  // index of the first word that is no option
};

// Takes "--a.b=value" or "--a.b value" at `i`; leaves `i` on its last word.
Status TakeOverride(const std::vector<std::string>& args, std::size_t& i, Cut& cut) {
  const std::string& word = args[i];
  const std::size_t equals = word.find('=');
  const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
  if (equals != std::string::npos) {
    cut.overrides.emplace_back(name, word.substr(equals + 1));
    return OkStatus();
  }
  if (i + 1 == args.size()) return InvalidArgument("option " + word + " needs a value");
  cut.overrides.emplace_back(name, args[++i]);
  return OkStatus();
}

// Collects the options at the front of args[begin...].
Result<Cut> CutOptions(const po::options_description& known, const std::vector<std::string>& args,
                       std::size_t begin) {
  Cut cut;
  std::size_t i = begin;
  for (; i < args.size(); ++i) {
    const std::string& word = args[i];
    if (word.size() < 2 || word[0] != '-' || word == "--") break;
    if (IsOverride(word)) {
      SHOJI_RETURN_IF_ERROR(TakeOverride(args, i, cut));
      continue;
    }
    const OptionWord option = Classify(known, word);
    if (!option.known) return UnknownOption(known, word);
    cut.options.push_back(word);
    if (!option.takes_next_word) continue;
    if (i + 1 == args.size()) return InvalidArgument("option " + word + " needs a value");
    cut.options.push_back(args[++i]);
  }
  cut.rest = i;
  return cut;
}

Status Parse(const po::options_description& known, const std::vector<std::string>& words,
             po::variables_map& values) {
  try {
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(words).options(known).style(style).run(), values);
    po::notify(values);
  } catch (const po::error& e) {
    return InvalidArgument(e.what());
  }
  return OkStatus();
}

// "list, info or new" for "plugin"; empty when no command begins so.
std::string SecondWords(const std::string& first) {
  std::string out;
  for (const Command& command : AllCommands()) {
    if (command.name.rfind(first + " ", 0) != 0) continue;
    out += (out.empty() ? "" : ", ") + command.name.substr(first.size() + 1);
  }
  return out;
}

// Finds "run" or "plugin list" at args[at]; moves `at` behind it.
Result<const Command*> FindCommand(const std::vector<std::string>& args, std::size_t& at) {
  std::vector<std::string> names;
  for (const Command& command : AllCommands()) {
    const std::vector<std::string> words = Split(command.name, ' ');
    names.push_back(command.name);
    if (args.size() - at >= words.size() &&
        std::equal(words.begin(), words.end(), args.begin() + static_cast<std::ptrdiff_t>(at))) {
      at += words.size();
      return &command;
    }
  }
  if (const std::string rest = SecondWords(args[at]); !rest.empty()) {
    return InvalidArgument("\"" + args[at] + "\" is followed by one of " + rest);
  }
  const std::string near = Suggest(args[at], names);
  return InvalidArgument("unknown command \"" + args[at] + "\"" +
                         (near.empty() ? "; see shoji --help" : "; did you mean " + near + "?"));
}

Status TakeGlobal(const po::variables_map& values, CommandLine& line) {
  GlobalOptions& global = line.invocation.global;
  line.help = values.count("help") != 0;
  line.version = values.count("version") != 0;
  global.debug = values.count("debug") != 0;
  if (values.count("config") != 0) {
    global.config_files = values["config"].as<std::vector<std::string>>();
  }
  for (const auto& [flag, option] : {std::pair{"root", "root"}, {"log-level", "log.level"}}) {
    if (values.count(flag) != 0) {
      global.overrides.emplace_back(option, values[flag].as<std::string>());
    }
  }
  if (values.count("log") == 0) return OkStatus();
  const std::string format =
      values.count("log-format") == 0 ? "" : values["log-format"].as<std::string>();
  SHOJI_ASSIGN_OR_RETURN(global.log,
                         EngineLog::Open(values["log"].as<std::string>(), format, global.debug));
  return OkStatus();
}

// Both kinds of linux.cgroupsPath are told from their form, so the manager's name only turns
// them off.
Status TakeCgroupManager(const po::variables_map& values, GlobalOptions& global) {
  if (values.count("cgroup-manager") == 0) return OkStatus();
  const std::string name = values["cgroup-manager"].as<std::string>();
  if (name == "disabled") global.cgroup_manager = name;
  if (name == "disabled" || name == "cgroupfs" || name == "systemd") return OkStatus();
  return InvalidArgument("--cgroup-manager \"" + name +
                         "\" is not known; use cgroupfs, systemd or disabled");
}

Status TakeCommand(const std::vector<std::string>& args, std::size_t at, CommandLine& line) {
  po::options_description known;
  line.command->describe(known);
  known.add_options()("help,h", "show this help");
  std::vector<std::string> options;
  auto& overrides = line.invocation.global.overrides;
  while (true) {
    SHOJI_ASSIGN_OR_RETURN(const Cut cut, CutOptions(known, args, at));
    options.insert(options.end(), cut.options.begin(), cut.options.end());
    overrides.insert(overrides.end(), cut.overrides.begin(), cut.overrides.end());
    at = cut.rest;
    if (at == args.size() || args[at] == "--" || line.command->takes_command) break;
    line.invocation.words.push_back(args[at++]);  // options may follow an id
  }
  if (at < args.size() && args[at] == "--") ++at;
  for (; at < args.size(); ++at) line.invocation.words.push_back(args[at]);
  SHOJI_RETURN_IF_ERROR(Parse(known, options, line.invocation.options));
  line.help = line.help || line.invocation.Has("help");
  return OkStatus();
}

}  // namespace

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& args) {
  CommandLine line;
  const po::options_description known = GlobalDescription();
  SHOJI_ASSIGN_OR_RETURN(Cut cut, CutOptions(known, args, 0));
  po::variables_map values;
  SHOJI_RETURN_IF_ERROR(Parse(known, cut.options, values));
  SHOJI_RETURN_IF_ERROR(TakeGlobal(values, line));
  SHOJI_RETURN_IF_ERROR(TakeCgroupManager(values, line.invocation.global));
  auto& overrides = line.invocation.global.overrides;
  overrides.insert(overrides.end(), cut.overrides.begin(), cut.overrides.end());
  std::size_t at = cut.rest;
  if (at < args.size() && args[at] == "help") {
    line.help = true;
    ++at;
    line.help_all = at < args.size() && args[at] == "all";
    if (line.help_all) ++at;
  }
  if (at == args.size()) {
    line.help = line.help || !line.version;
    return line;
  }
  SHOJI_ASSIGN_OR_RETURN(line.command, FindCommand(args, at));
  SHOJI_RETURN_IF_ERROR(TakeCommand(args, at, line));
  SHOJI_RETURN_IF_ERROR(CheckFormat(line.invocation));
  return line;
}

std::string HelpText(const CommandLine& line) {
  if (line.help_all) return AllCommandsText();
  return line.command == nullptr ? OverviewText() : CommandText(*line.command);
}

}  // namespace shoji::cli

#include "command_line.h"

#include <boost/program_options.hpp>
#include <regex>
#include <sstream>
#include <thread>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::validate {
namespace {

namespace po = boost::program_options;
using Words = std::vector<std::string>;

po::options_description Visible() {
  po::options_description options("Options");
  auto add = options.add_options();
  add("include", po::value<Words>()->composing()->value_name("REGEX"),
      "run checks whose name matches; may be repeated");
  add("exclude", po::value<Words>()->composing()->value_name("REGEX"),
      "do not run checks whose name matches; may be repeated");
  add("option", po::value<Words>()->composing()->value_name("NAME=VALUE"),
      "an option of the plugin; {scratch} in it is a directory of the check");
  add("option-file", po::value<std::string>()->value_name("FILE"),
      "options of the plugin, NAME=VALUE one a line, # begins a comment");
  add("format", po::value<std::string>()->default_value("text")->value_name("FORMAT"),
      "text, json or junit");
  add("output", po::value<std::string>()->value_name("FILE"), "write the report to FILE");
  add("timeout", po::value<std::string>()->default_value("60")->value_name("SECONDS"),
      "time limit of each check");
  add("seed", po::value<std::string>()->value_name("N"),
      "repeat the random calls of an earlier run");
  add("waivers", po::value<std::string>()->value_name("FILE"),
      "checks that may fail, with reasons; default: shoji-validator.toml beside the plugin");
  add("volatile", "the store keeps nothing beyond its process, and says so");
  add("jobs", po::value<std::string>()->value_name("N"), "checks that run at the same time");
  add("in-process", "no process for each check and no time limit, for a debugger");
  add("help", "this text");
  add("version", "the version of the kit");
  return options;
}

Result<std::uint64_t> Number(const po::variables_map& map, const char* name, std::uint64_t max) {
  const std::string text = map[name].as<std::string>();
  std::uint64_t value = 0;
  std::istringstream in(text);
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && in >> value && value >= 1 && value <= max) return value;
  return InvalidArgument(std::string("--") + name + " \"" + text + "\" is not a number from 1 to " +
                         std::to_string(max));
}

Result<Words> Expressions(const po::variables_map& map, const char* name) {
  Words words = map.count(name) > 0 ? map[name].as<Words>() : Words();
  for (const std::string& word : words) {
    try {
      const std::regex expression(word);
    } catch (const std::regex_error& e) {
      return InvalidArgument(std::string("--") + name + " \"" + word +
                             "\" is not a regular expression: " + e.what());
    }
  }
  return words;
}

Result<std::pair<std::string, std::string>> PluginOption(const std::string& word) {
  const std::size_t at = word.find('=');
  if (at == std::string::npos || at == 0) {
    return InvalidArgument("option \"" + word + "\" of the plugin is not NAME=VALUE");
  }
  return std::pair(word.substr(0, at), word.substr(at + 1));
}

Status ReadOptions(const po::variables_map& map, CommandLine* line) {
  Words words;
  if (map.count("option-file") > 0) {
    SHOJI_ASSIGN_OR_RETURN(const std::string text,
                           ReadFile(map["option-file"].as<std::string>(), 1U << 20U));
    for (const std::string& one : Split(text, '\n')) {
      const std::string_view trimmed = Trim(one);
      if (!trimmed.empty() && trimmed[0] != '#') words.emplace_back(trimmed);
    }
  }
  if (map.count("option") > 0) {
    const Words more = map["option"].as<Words>();
    words.insert(words.end(), more.begin(), more.end());
  }
  // The command line goes before the file.
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    SHOJI_ASSIGN_OR_RETURN(auto option, PluginOption(*word));
    line->options.push_back(std::move(option));
  }
  return OkStatus();
}

Result<Format> FormatOf(const std::string& word) {
  if (word == "text") return Format::kText;
  if (word == "json") return Format::kJson;
  if (word == "junit") return Format::kJunit;
  return InvalidArgument("--format \"" + word + "\" is unknown; write text, json or junit");
}

Status ReadNumbers(const po::variables_map& map, CommandLine* line) {
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t seconds, Number(map, "timeout", 86'400));
  line->run.timeout = std::chrono::seconds(seconds);
  line->run.jobs = std::max(2U, std::thread::hardware_concurrency());
  if (map.count("jobs") > 0) {
    SHOJI_ASSIGN_OR_RETURN(const std::uint64_t jobs, Number(map, "jobs", 1024));
    line->run.jobs = static_cast<unsigned>(jobs);
  }
  if (map.count("seed") > 0) {
    SHOJI_ASSIGN_OR_RETURN(line->seed, Number(map, "seed", UINT64_MAX));
  }
  return OkStatus();
}

Result<CommandLine> FromMap(const po::variables_map& map) {
  CommandLine line;
  line.help = map.count("help") > 0;
  line.version = map.count("version") > 0;
  if (line.help || line.version) return line;
  SHOJI_ASSIGN_OR_RETURN(line.include, Expressions(map, "include"));
  SHOJI_ASSIGN_OR_RETURN(line.exclude, Expressions(map, "exclude"));
  SHOJI_RETURN_IF_ERROR(ReadOptions(map, &line));
  SHOJI_ASSIGN_OR_RETURN(line.format, FormatOf(map["format"].as<std::string>()));
  SHOJI_RETURN_IF_ERROR(ReadNumbers(map, &line));
  if (map.count("output") > 0) line.output = map["output"].as<std::string>();
  if (map.count("waivers") > 0) line.waivers = map["waivers"].as<std::string>();
  line.is_volatile = map.count("volatile") > 0;
  line.run.in_process = map.count("in-process") > 0;
  const Words files = map.count("plugin") > 0 ? map["plugin"].as<Words>() : Words();
  if (files.size() != 1) {
    return InvalidArgument(files.empty()
                               ? "no plugin is given; write shoji-validate PLUGIN.so"
                               : "one plugin at a time; \"" + files[1] + "\" is too much");
  }
  line.list = files[0] == "list";
  line.plugin = files[0];
  return line;
}

}  // namespace

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  po::options_description all = Visible();
  all.add_options()("plugin", po::value<Words>());
  po::positional_options_description position;
  position.add("plugin", -1);
  po::variables_map map;
  try {
    using po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(arguments)
                  .options(all)
                  .positional(position)
                  .style(po::command_line_style::unix_style & ~allow_guessing)
                  .run(),
              map);
    return FromMap(map);
  } catch (const po::error& e) {
    return InvalidArgument(std::string(e.what()) + "; see shoji-validate --help");
  }
}

std::string HelpText() {
  std::ostringstream out;
  out << "usage: shoji-validate [options] PLUGIN.so   does the plugin keep the rules?\n"
         "       shoji-validate list                  the checks\n\n"
      << Visible()
      << "\nExit status: 0 the plugin conforms, 1 it does not, 2 it could not be checked.\n";
  return out.str();
}

}  // namespace shoji::validate

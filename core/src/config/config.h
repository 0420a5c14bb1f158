// The configuration after all sources were read, and where each value came from.
//
// Purpose  One registry of options (the core's and those plugins declare in their notes).
//          Sources, later wins: default, files, SHOJI_... environment, overrides (command
//          line). Every value is checked against its declaration.
// Threads  Constant after Load().
// Names    "plugins.pins.*" declares names of the operator's choosing. A "*" at the end
//          stands for one or more parts ("store.kv"), one in the middle for exactly one
//          ("plugins.keys.*.vendor"). Such options have no default and no variable of the
//          environment; all else holds for each of them.
// Twice    The options of plugins are known only after plugins.path is: load the core's
//          options with `declared_only`, scan the plugins, then load all of them strictly.
// Example  config.Get("sandbox.hypervisor") == "qemu"
#ifndef SHOJI_CORE_CONFIG_CONFIG_H_
#define SHOJI_CORE_CONFIG_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "shoji/status.h"

namespace shoji {

// Canonical text of a value: string and path as given; int decimal; bool true or false;
// size decimal bytes; list items separated by '\n'; duration decimal nanoseconds.
enum class OptionType { kString, kInt, kBool, kSize, kPath, kList, kDuration };

struct OptionSpec {
  std::string name;  // "hypervisor.qemu.memory", "plugins.pins.*"
  OptionType type = OptionType::kString;
  std::string default_value;  // as an operator may write it: "256M", "10s"
  bool secret = false;
  bool required = false;
  std::string help;
};

class Config {
 public:
  struct Sources {
    // A directory stands for its *.toml, sorted. The two default paths may be missing.
    std::vector<std::string> files;
    bool missing_files_are_errors = true;
    // First pass: options that are not declared are somebody else's, no error.
    bool declared_only = false;
    bool use_environment = true;
    std::vector<std::pair<std::string, std::string>> overrides;
    // More about an option that nobody declares, e.g. that its plugin is refused and why;
    // empty: nothing is known of it.
    std::function<std::string(const std::string& option)> explain_unknown;
  };
  struct Value {
    std::string text;    // canonical: sizes in bytes, booleans true/false, lists '\n' separated
    std::string origin;  // "default", "/etc/shoji/shoji.toml:12", "environment", "command line"
  };

  // INVALID_ARGUMENT names source, line, option, value and a suggestion; also for a
  // variable of the environment that two options would share.
  static Result<Config> Load(const std::vector<OptionSpec>& specs, const Sources& sources);

  Result<std::string> Find(const std::string& name) const;  // NOT_FOUND
  // REQUIRES: `name` is declared.
  const std::string& Get(const std::string& name) const;
  // REQUIRES: declared with the type that the function's name says.
  std::uint64_t GetSize(const std::string& name) const;
  std::int64_t GetInt(const std::string& name) const;
  bool GetBool(const std::string& name) const;
  std::vector<std::string> GetList(const std::string& name) const;
  std::chrono::nanoseconds GetDuration(const std::string& name) const;

  // The options below `prefix` + ".", names without the prefix, in order of declaration.
  std::vector<std::pair<std::string, std::string>> Section(const std::string& prefix) const;

  // What was set for `pattern`, a declared name with "*", in the order of the keys.
  struct Entry {
    std::string key;   // what stands for "*"
    std::string name;  // the whole name
    Value value;
  };
  std::vector<Entry> Entries(const std::string& pattern) const;

  const std::vector<OptionSpec>& specs() const { return specs_; }
  const std::map<std::string, Value>& values() const { return values_; }
  // Variables of the environment that look like options and are none, one line each.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::vector<OptionSpec> specs_;
  std::map<std::string, Value> values_;
  std::vector<std::string> warnings_;
};

// What stands in `name` for the "*" of `pattern`; empty when it does not match.
std::string MatchPattern(const std::string& pattern, const std::string& name);
inline bool IsPattern(const OptionSpec& spec) { return spec.name.find('*') != std::string::npos; }

// The core's own options: root, log.level, plugins.*, sandbox.*, guest.*, time limits.
std::vector<OptionSpec> CoreOptions();

}  // namespace shoji

#endif  // SHOJI_CORE_CONFIG_CONFIG_H_

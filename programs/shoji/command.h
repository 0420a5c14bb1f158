// One sub-command of `shoji`, and what all of them share.
//
// Purpose  main() finds the Command by its name, parses the options it declares, and calls
//          run(). Help texts come from the same declarations.
// Threads  Commands run on the main thread.
// Example
//     const Command kList = {"list", "", "list sandboxes", DescribeList, RunList};
#ifndef SHOJI_PROGRAMS_SHOJI_COMMAND_H_
#define SHOJI_PROGRAMS_SHOJI_COMMAND_H_

#include <boost/program_options.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shoji/runtime.h"

namespace shoji::cli {

// Options before the command, and --section.option=value anywhere before the words.
struct GlobalOptions {
  std::vector<std::string> config_files;                       // --config
  std::vector<std::pair<std::string, std::string>> overrides;  // --hypervisor.qemu.memory=1G
  bool debug = false;
};

// What a command is called with.
struct Invocation {
  GlobalOptions global;
  boost::program_options::variables_map options;
  std::vector<std::string> words;  // what is not an option: ids, then the command after them

  bool Has(const char* name) const { return options.count(name) != 0; }
  std::string Text(const char* name) const {
    return Has(name) ? options[name].as<std::string>() : std::string();
  }
  std::vector<std::string> Texts(const char* name) const {
    return Has(name) ? options[name].as<std::vector<std::string>>() : std::vector<std::string>();
  }
  bool json() const { return Text("format") == "json"; }
};

struct Command {
  std::string name;     // "run", "plugin list"
  std::string words;    // "[--] [COMMAND [ARG...]]"
  std::string summary;  // one line
  void (*describe)(boost::program_options::options_description& options);
  // The exit status of the program.
  int (*run)(const Invocation& invocation);
  // The words end with a command of the container, whose options are not ours.
  bool takes_command = false;
};

const std::vector<Command>& AllCommands();

// `extra` with what the global options ask for.
RuntimeOptions RuntimeOptionsOf(const Invocation& invocation, RuntimeOptions extra = {});
// The Runtime that they ask for.
Result<std::unique_ptr<Runtime>> OpenRuntime(const Invocation& invocation,
                                             RuntimeOptions extra = {});

// The same for sandbox.factory = `factory`; empty: as configured.
Invocation WithFactory(Invocation invocation, const std::string& factory);

// Declares --format table|json.
void DescribeFormat(boost::program_options::options_description& options);
// INVALID_ARGUMENT when --format is something else.
Status CheckFormat(const Invocation& invocation);

// The commands, one file each.
extern const Command kRun;
extern const Command kExec;
extern const Command kList;
extern const Command kStatus;
extern const Command kStop;
extern const Command kDelete;
extern const Command kGc;
extern const Command kPause;
extern const Command kResume;
extern const Command kPs;
extern const Command kStats;
extern const Command kEvents;
extern const Command kSave;
extern const Command kRestore;
extern const Command kPluginList;
extern const Command kConfigDump;
extern const Command kStoreCopy;
extern const Command kStoreCheck;
extern const Command kStoreDump;
extern const Command kPluginInfo;
extern const Command kPluginCheck;
extern const Command kPluginNew;
extern const Command kDeviceAdd;
extern const Command kDeviceRemove;
extern const Command kDeviceList;
extern const Command kUpdate;
extern const Command kFactoryInit;
extern const Command kFactoryStatus;
extern const Command kFactoryDestroy;
extern const Command kFactoryServe;

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_COMMAND_H_

// shoji __manual DIR: writes the manual pages; run when Shoji is built.
#include "manual.h"

#include <cstdio>

#include "command.h"
#include "config/config.h"
#include "config/value.h"
#include "exit_status.h"
#include "shoji/base/file.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribeNothing(po::options_description& /*options*/) {}

// Options with names of the operator's choosing ("plugins.pins.*") have no value until they are
// set, so the Runtime does not list them.
std::vector<OptionInfo> AllOptions(const Runtime& runtime) {
  std::vector<OptionInfo> out = runtime.Options();
  const std::vector<OptionSpec> core = CoreOptions();
  auto at = out.begin();
  for (const OptionSpec& spec : core) {
    if (at != out.end() && at->name == spec.name) {
      ++at;
      continue;
    }
    OptionInfo info;
    info.name = spec.name;
    info.type = OptionTypeName(spec.type);
    info.help = spec.help;
    at = out.insert(at, std::move(info)) + 1;
  }
  return out;
}

// The defaults are those of the pages, whatever is configured on this machine.
Status WritePages(const Invocation& invocation, const std::string& dir) {
  RuntimeOptions options;
  options.config_files.clear();
  options.use_environment = false;
  options.overrides = invocation.global.overrides;
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, Runtime::Create(std::move(options)));
  std::vector<ManualPage> pages = CommandPages();
  pages.push_back(ConfigPage(AllOptions(*runtime), runtime->Plugins()));
  SHOJI_RETURN_IF_ERROR(MakeDirs(dir));
  for (const ManualPage& page : pages) {
    SHOJI_RETURN_IF_ERROR(WriteFile(dir + "/" + page.file, page.text));
  }
  return OkStatus();
}

int RunManual(const Invocation& invocation) {
  if (invocation.words.size() != 1) return Fail(InvalidArgument("shoji __manual takes one DIR"));
  const Status written = WritePages(invocation, invocation.words[0]);
  return written.ok() ? 0 : Fail(written);
}

}  // namespace

const Command kManual = {
    "__manual",           "DIR",     "Write the manual pages into a directory.",
    DescribeNothing,      RunManual, false,
    CommandGroup::kHidden};

}  // namespace shoji::cli

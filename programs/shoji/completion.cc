// shoji completion SHELL: prints a script; and `shoji __complete`, which it calls.
#include "completion.h"

#include <algorithm>
#include <cstdio>

#include "command.h"
#include "exit_status.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribeNothing(po::options_description& /*options*/) {}

int RunCompletion(const Invocation& invocation) {
  const std::string shell = invocation.words.size() == 1 ? invocation.words[0] : "";
  std::string script;
  if (shell == "bash") script = BashCompletion();
  if (shell == "zsh") script = ZshCompletion();
  if (shell == "fish") script = FishCompletion();
  if (script.empty()) {
    return Fail(
        InvalidArgument("shoji completion takes bash, zsh or fish; to use it at once: "
                        "source <(shoji completion bash)"));
  }
  return fputs(script.c_str(), stdout) < 0 ? kExitShojiFailed : 0;
}

Result<std::vector<std::string>> Ids(Runtime& runtime) {
  SHOJI_ASSIGN_OR_RETURN(const auto sandboxes, runtime.ListSandboxes());
  std::vector<std::string> out;
  for (const SandboxStatus& sandbox : sandboxes) {
    out.push_back(sandbox.id);
    for (const ContainerStatus& container : sandbox.containers) out.push_back(container.id);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<std::string> Plugins(const Runtime& runtime, bool stores) {
  std::vector<std::string> out;
  for (const PluginInfo& plugin : runtime.Plugins()) {
    if (plugin.id.empty() || plugin.status != "ok") continue;
    if (!stores) out.push_back(plugin.kind + "/" + plugin.id);
    if (stores && plugin.kind == "store") out.push_back(plugin.id);
  }
  return out;
}

std::vector<std::string> Settings(const Runtime& runtime) {
  std::vector<std::string> out;
  for (const OptionInfo& option : runtime.Options()) {
    // One without a section is no override; --root is an option of the program.
    if (option.name.find('.') != std::string::npos) out.push_back("--" + option.name + "=");
  }
  return out;
}

// One word a line. Who presses a key wants no errors: what cannot be told is nothing.
int RunComplete(const Invocation& invocation) {
  if (invocation.words.size() != 1) return kExitShojiFailed;
  RuntimeOptions options;
  options.overrides.emplace_back("log.level", "off");
  auto runtime = Runtime::Create(RuntimeOptionsOf(invocation, std::move(options)));
  if (!runtime.ok()) return kExitShojiFailed;
  const std::string& kind = invocation.words[0];
  std::vector<std::string> words;
  if (kind == "ids") {
    auto ids = Ids(**runtime);
    if (ids.ok()) words = std::move(*ids);
  } else if (kind == "options") {
    words = Settings(**runtime);
  } else {
    words = Plugins(**runtime, kind == "stores");
  }
  for (const std::string& word : words) puts(word.c_str());
  return 0;
}

}  // namespace

const Command kCompletion = {
    "completion",          "SHELL",       "Print what completes words in bash, zsh or fish.",
    DescribeNothing,       RunCompletion, false,
    CommandGroup::kMachine};

const Command kComplete = {
    "__complete",         "KIND",      "Words for the scripts of completion.",
    DescribeNothing,      RunComplete, false,
    CommandGroup::kHidden};

}  // namespace shoji::cli

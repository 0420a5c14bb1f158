// shoji.1 and the page of each command.
#include <algorithm>

#include "manual.h"
#include "registry.h"
#include "roff.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

std::string PageName(const Command& command) { return "shoji-" + Join(NameWords(command), "-"); }

// Summaries end with a full stop; the line of NAME has none.
std::string WithoutStop(std::string text) {
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

void AddOptions(Roff& page, const std::vector<OptionDoc>& options) {
  for (const OptionDoc& option : options) {
    const std::string letter = option.letter == 0 ? "" : ShortFlag(option) + ", ";
    page.Item(letter + LongFlag(option), option.value_name, option.help);
  }
}

void AddExitStatus(Roff& page) {
  page.Section("EXIT STATUS");
  page.Item("0", "", "Done.");
  page.Item("125", "", "Shoji itself failed; one line on stderr says what, and what to do.");
  page.Item("126", "", "The command of the container cannot be run.");
  page.Item("127", "", "There is no such command in the container.");
  page.Text(
      "run and exec otherwise end with the status of the container's process, 128 and the "
      "number of the signal when it was killed.");
}

void AddGroup(Roff& page, CommandGroup group) {
  bool titled = false;
  for (const Command* command : ShownCommands()) {
    if (command->group != group) continue;
    if (!titled) page.Subsection(TitleOf(group));
    titled = true;
    page.Item(command->name, command->words, command->summary);
  }
}

ManualPage Overview() {
  Roff page("SHOJI", "1");
  page.Section("NAME").Text("shoji - run containers in virtual machines");
  page.Section("SYNOPSIS").Text("shoji [global options] COMMAND [options] [words]");
  page.Section("DESCRIPTION");
  page.Text(
      "Shoji puts each group of containers into its own small virtual machine. A sandbox "
      "is one such machine, with the containers in it.");
  page.Section("COMMANDS");
  for (const CommandGroup group : ShownGroups()) AddGroup(page, group);
  page.Section("GLOBAL OPTIONS");
  page.Text("They stand before the command.");
  AddOptions(page, OptionsBeforeCommand());
  page.Item("--SECTION.OPTION=", "VALUE",
            "Any option of the configuration, before or after the command; see shoji.toml(5).");
  AddExitStatus(page);
  page.Section("ENVIRONMENT");
  page.Item("SHOJI_SECTION_OPTION", "",
            "Any option of the configuration in capitals, '_' for '.' and '-': "
            "SHOJI_HYPERVISOR_QEMU_MEMORY=512M.");
  page.Section("FILES");
  page.Item("/etc/shoji/shoji.toml", "", "The configuration.");
  page.Item("/etc/shoji/conf.d/*.toml", "", "More of it; later files win.");
  page.Item("/run/shoji", "", "What runs.");
  page.Section("SEE ALSO")
      .Text(
          "shoji.toml(5), and for each command a page of its own: "
          "shoji-run(1).");
  return {"shoji.1", page.text()};
}

std::string UpperCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

ManualPage PageOf(const Command& command) {
  const std::string name = PageName(command);
  Roff page(UpperCase(name), "1");
  page.Section("NAME").Text(name + " - " + WithoutStop(command.summary));
  page.Section("SYNOPSIS");
  page.Text("shoji " + command.name + " [options]" +
            (command.words.empty() ? "" : " " + command.words));
  page.Section("DESCRIPTION").Text(command.summary);
  if (command.takes_command) {
    page.Text(
        "Options stand before the command of the container; what follows it is its own. "
        "The word -- may stand between them.");
  }
  page.Section("OPTIONS");
  AddOptions(page, OptionsOf(command));
  page.Section("SEE ALSO").Text("shoji(1), shoji.toml(5)");
  return {name + ".1", page.text()};
}

}  // namespace

std::vector<ManualPage> CommandPages() {
  std::vector<ManualPage> out = {Overview()};
  for (const Command* command : ShownCommands()) out.push_back(PageOf(*command));
  return out;
}

}  // namespace shoji::cli

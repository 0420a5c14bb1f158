// shoji.toml.5: every option of the core and of the plugins.
#include <algorithm>

#include "manual.h"
#include "roff.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

const char* TypeText(const std::string& type) {
  if (type == "int") return "a whole number";
  if (type == "bool") return "true or false";
  if (type == "size") return "a size: 512M, 2G, or bytes";
  if (type == "path") return "a path";
  if (type == "list") return "a list of texts";
  if (type == "duration") return "a duration: 500ms, 10s, 2m";
  return "a text";
}

// "hypervisor.qemu" for "hypervisor.qemu.memory", when that is a plugin.
const PluginInfo* PluginOf(const std::vector<PluginInfo>& plugins, const std::string& option) {
  const auto found = std::find_if(plugins.begin(), plugins.end(), [&](const PluginInfo& plugin) {
    return option.rfind(plugin.kind + "." + plugin.id + ".", 0) == 0;
  });
  return found == plugins.end() ? nullptr : &*found;
}

std::string Sentence(std::string text) {
  if (!text.empty() && text.back() != '.') text += '.';
  return text;
}

void AddOption(Roff& page, const OptionInfo& option) {
  page.Item(option.name, "", Sentence(option.help));
  std::string facts = std::string("Type: ") + TypeText(option.type) + ".";
  if (option.secret) facts += " A secret: never shown.";
  if (!option.default_value.empty()) {
    facts += " Default: " + Join(Split(option.default_value, '\n'), ", ") + ".";
  }
  page.More(facts);
}

void AddForm(Roff& page) {
  page.Section("DESCRIPTION");
  page.Text(
      "A file in TOML. Read are /etc/shoji/shoji.toml and then /etc/shoji/conf.d/*.toml in "
      "the order of their names, or what --config names instead; what is read later wins.");
  page.Text(
      "Over the files count variables of the environment (SHOJI_HYPERVISOR_QEMU_MEMORY), "
      "and over those the command line (--hypervisor.qemu.memory=512M). An option that "
      "nobody declares is an error, and so is a value of another type.");
  page.Text("shoji config dump --origin shows the values in force and where each comes from.");
}

void AddExample(Roff& page) {
  page.Section("EXAMPLE");
  page.Literal({"[sandbox]", "store = \"sqlite\"", "boot_timeout = \"30s\"", "",
                "[hypervisor.qemu]", "memory = \"512M\""});
}

}  // namespace

ManualPage ConfigPage(const std::vector<OptionInfo>& options,
                      const std::vector<PluginInfo>& plugins) {
  Roff page("SHOJI.TOML", "5");
  page.Section("NAME").Text("shoji.toml - configuration of shoji and of its plugins");
  AddForm(page);
  page.Section("OPTIONS");
  const PluginInfo* last = nullptr;
  for (const OptionInfo& option : options) {
    const PluginInfo* plugin = PluginOf(plugins, option.name);
    if (plugin != last && plugin != nullptr) {
      page.Subsection(plugin->kind + " plugin " + plugin->id);
    }
    last = plugin;
    AddOption(page, option);
  }
  AddExample(page);
  page.Section("SEE ALSO").Text("shoji(1)");
  return {"shoji.toml.5", page.text()};
}

}  // namespace shoji::cli

#include "plugin/registry.h"

#include <algorithm>

#include "config/config.h"
#include "plugin/error.h"
#include "shoji/base/strings.h"
#include "version.h"

namespace shoji {
namespace {

shoji_str ToStr(const std::string& text) { return {text.data(), text.size()}; }

// "there is no store plugin "x"; there are: filesystem (store-x.so is refused: ...)".
Status NoSuchPlugin(const std::vector<std::unique_ptr<Plugin>>& plugins, const std::string& kind,
                    const std::string& id) {
  std::vector<std::string> known;
  std::string unreadable;
  for (const auto& plugin : plugins) {
    const PluginInfo& info = plugin->scanned.info;
    if (info.kind == kind && info.status == "ok") known.push_back(info.id);
    if (info.kind.empty()) unreadable += "; " + info.path + " is refused: " + info.reason;
  }
  return NotFound("there is no " + kind + " plugin \"" + id + "\"; " +
                  (known.empty() ? "there is none of that kind" : "there are: ") +
                  Join(known, ", ") + unreadable);
}

bool IsUsed(const std::vector<Plugin*>& open, Plugin* candidate) {
  return std::any_of(open.begin(), open.end(), [&](const Plugin* other) {
    return other != candidate && other->uses.count(candidate) > 0;
  });
}

}  // namespace

Registry::Registry(std::vector<ScannedPlugin> scanned, Options options)
    : options_(std::move(options)) {
  for (ScannedPlugin& one : scanned) {
    auto plugin = std::make_unique<Plugin>();
    plugin->registry = this;
    plugin->name = one.info.kind + " " + one.info.id;
    plugin->scanned = std::move(one);
    plugins_.push_back(std::move(plugin));
  }
}

Registry::~Registry() {
  for (;;) {
    Plugin* next = nullptr;
    {
      const MutexLock lock(mutex_);
      next = NextToShutDown();
    }
    if (next == nullptr) return;
    if (SHOJI_HAS_SLOT(shoji_plugin, &next->table, shutdown))
      next->table.shutdown(next->table.self);
  }
}

// Takes the plugin opened last among those that no open plugin uses. When plugins use each
// other in a circle, the one opened last.
Plugin* Registry::NextToShutDown() {
  if (open_.empty()) return nullptr;
  auto it = open_.rbegin();
  while (it != open_.rend() && IsUsed(open_, *it)) ++it;
  if (it == open_.rend()) it = open_.rbegin();
  Plugin* plugin = *it;
  open_.erase(std::next(it).base());
  return plugin;
}

std::vector<PluginInfo> Registry::List() {
  std::vector<PluginInfo> out;
  for (const auto& plugin : plugins_) {
    out.push_back(plugin->scanned.info);
    if (plugin->state != Plugin::State::kFailed) continue;
    out.back().status = "refused";
    out.back().reason = plugin->failure.message();
  }
  return out;
}

Result<Plugin*> Registry::Find(const std::string& kind, const std::string& id) const {
  const PluginInfo* refused = nullptr;
  for (const auto& plugin : plugins_) {
    const PluginInfo& info = plugin->scanned.info;
    if (info.kind != kind || info.id != id) continue;
    if (plugin->scanned.accepted()) return plugin.get();
    if (refused == nullptr) refused = &info;
  }
  if (refused == nullptr) return NoSuchPlugin(plugins_, kind, id);
  return FailedPrecondition("plugin " + refused->path + " is refused: " + refused->reason);
}

Result<Plugin*> Registry::Open(const std::string& kind, const std::string& id, Plugin* user) {
  std::string wanted = id;
  if (wanted.empty()) {
    SHOJI_ASSIGN_OR_RETURN(wanted, options_.config->Find("sandbox." + kind));
  }
  SHOJI_ASSIGN_OR_RETURN(Plugin * plugin, Find(kind, wanted));
  if (plugin->state != Plugin::State::kOpen) SHOJI_RETURN_IF_ERROR(OpenOnce(plugin));
  if (user != nullptr && user != plugin) {
    const MutexLock lock(mutex_);
    user->uses.insert(plugin);
  }
  return plugin;
}

Status Registry::OpenOnce(Plugin* plugin) {
  const std::lock_guard<std::recursive_mutex> turn(opening_);
  switch (plugin->state) {
    case Plugin::State::kOpen:
      return OkStatus();
    case Plugin::State::kFailed:
      return plugin->failure;
    case Plugin::State::kOpening:
      return FailedPrecondition("plugin " + plugin->name +
                                " is asked for while it is being opened itself");
    case Plugin::State::kClosed:
      break;
  }
  plugin->state = Plugin::State::kOpening;
  Status status = Load(plugin);
  if (!status.ok()) {
    plugin->failure = status;
    plugin->state = Plugin::State::kFailed;
    return status;
  }
  const MutexLock lock(mutex_);
  open_.push_back(plugin);
  plugin->state = Plugin::State::kOpen;
  return OkStatus();
}

Status Registry::FillValues(Plugin* plugin) const {
  const std::string section = plugin->scanned.info.kind + "." + plugin->scanned.info.id;
  plugin->values = options_.config->Section(section);
  for (const OptionSpec& spec : plugin->scanned.note.options) {
    const Result<std::string> text = options_.config->Find(section + "." + spec.name);
    if (spec.required && (!text.ok() || text->empty())) {
      return FailedPrecondition("option " + section + "." + spec.name +
                                " is required and not set; add it to the configuration");
    }
  }
  for (const auto& [name, value] : plugin->values) {
    plugin->items.push_back({ToStr(name), ToStr(value)});
  }
  plugin->options = {sizeof(shoji_options), static_cast<std::uint32_t>(plugin->items.size()),
                     plugin->items.data()};
  return OkStatus();
}

void Registry::FillHost(Plugin* plugin) {
  shoji_host& host = plugin->host;
  host.struct_size = sizeof(shoji_host);
  host.abi_min = SHOJI_ABI_VERSION;
  host.abi_max = SHOJI_ABI_VERSION;
  host.ctx = plugin;
  host.host_version = kVersion;
  host.get_service = FindService;
  host.error_set = SetError;
  host.error_detail = AddErrorDetail;
}

Status Registry::Load(Plugin* plugin) {
  SHOJI_RETURN_IF_ERROR(FillValues(plugin));
  FillHost(plugin);
  SHOJI_ASSIGN_OR_RETURN(plugin->library,
                         Library::Load(plugin->scanned.file.get(), plugin->scanned.info.path));
  plugin->scanned.file.reset();
  plugin->table.struct_size = sizeof(shoji_plugin);
  PluginError error;
  std::int32_t code = SHOJI_OK;
  try {
    code = plugin->library.open()(&plugin->host, &plugin->table, error.get());
  } catch (...) {  // against the contract, but no reason to end the program
    return Internal("plugin " + plugin->name + ": an exception left shoji_plugin_open_v1");
  }
  Status status = error.ToStatus(plugin->name, SHOJI_PLUGIN_OPEN_SYMBOL, code);
  if (!status.ok()) return std::move(status).WithContext("cannot open plugin " + plugin->name);
  if (!SHOJI_HAS_SLOT(shoji_plugin, &plugin->table, get_interface)) {
    return Internal("plugin " + plugin->name + ": shoji_plugin_open_v1 gave no get_interface");
  }
  return OkStatus();
}

Result<const void*> Registry::Interface(const Plugin& plugin, const std::string& interface_id) {
  const void* table = plugin.table.get_interface(plugin.table.self, interface_id.c_str());
  if (table != nullptr) return table;
  const auto& announced = plugin.scanned.note.interfaces;
  const std::string what = "plugin " + plugin.name + " does not offer " + interface_id;
  if (std::find(announced.begin(), announced.end(), interface_id) == announced.end()) {
    return Unimplemented(what);
  }
  return Internal(what + " although its note announces it");
}

}  // namespace shoji

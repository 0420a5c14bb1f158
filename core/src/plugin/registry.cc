#include "plugin/registry.h"

#include <algorithm>

#include "config/config.h"
#include "plugin/error.h"
#include "plugin/opening.h"
#include "shoji/base/strings.h"
#include "version.h"

namespace shoji {
namespace {

shoji_str ToStr(const std::string& text) { return {text.data(), text.size()}; }

// "there is no store plugin "x"; there are: filesystem (store-x.so is refused: ...)".
Status NoSuchPlugin(const std::vector<std::shared_ptr<Plugin>>& plugins, const std::string& kind,
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

Registry::Registry(PluginScan scan, Options options)
    : config_(options.config),
      services_(std::make_shared<const HostServices>(std::move(options.services))),
      open_timeout_(options.open_timeout),
      policy_(scan.policy()) {
  for (ScannedPlugin& one : std::move(scan).Take()) {
    auto plugin = std::make_shared<Plugin>();
    plugin->registry = this;
    plugin->services = services_;
    plugin->name = one.info.kind + " " + one.info.id;
    plugin->where = one.entry != nullptr ? "in process" : one.info.path;
    one.info.options = OptionsInForce(one.note, *config_);
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
    if (next == nullptr) break;
    ShutDown(next);
  }
  // Those that were given up may still run.
  for (const auto& plugin : plugins_) plugin->gate.Close();
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
    Status status;
    if (plugin->scanned.accepted()) status = Verify(plugin.get());
    if (status.ok() && plugin->state == Plugin::State::kFailed) status = plugin->failure;
    const MutexLock lock(verifying_);
    out.push_back(plugin->scanned.info);
    if (status.ok()) continue;
    out.back().status = "refused";
    out.back().reason = status.message();
  }
  return out;
}

std::vector<Metric> Registry::Metrics() const {
  std::vector<Metric> out;
  for (const auto& plugin : plugins_) {
    for (Metric& metric : plugin->metrics.Values()) {
      metric.kind = plugin->scanned.info.kind;
      metric.id = plugin->scanned.info.id;
      out.push_back(std::move(metric));
    }
  }
  return out;
}

Result<std::shared_ptr<Plugin>> Registry::Find(const std::string& kind,
                                               const std::string& id) const {
  const PluginInfo* refused = nullptr;
  for (const auto& plugin : plugins_) {
    const PluginInfo& info = plugin->scanned.info;
    if (info.kind != kind || info.id != id) continue;
    if (plugin->scanned.accepted()) return plugin;
    if (refused == nullptr) refused = &info;
  }
  if (refused == nullptr) return NoSuchPlugin(plugins_, kind, id);
  return FailedPrecondition("plugin " + refused->path + " is refused: " + refused->reason);
}

Result<Plugin*> Registry::Open(const std::string& kind, const std::string& id, Plugin* user) {
  if (user != nullptr && user->state == Plugin::State::kFailed) {
    return FailedPrecondition("plugin " + user->name + " was given up and gets no other plugin");
  }
  std::string wanted = id;
  if (wanted.empty()) {
    SHOJI_ASSIGN_OR_RETURN(wanted, config_->Find("sandbox." + kind));
  }
  SHOJI_ASSIGN_OR_RETURN(const std::shared_ptr<Plugin> plugin, Find(kind, wanted));
  if (plugin->state != Plugin::State::kOpen) {
    SHOJI_RETURN_IF_ERROR(OpenInTurn(plugin, user));
  }
  if (user != nullptr && user != plugin.get()) {
    const MutexLock lock(mutex_);
    user->uses.insert(plugin.get());
  }
  return plugin.get();
}

Status Registry::OpenInTurn(const std::shared_ptr<Plugin>& plugin, Plugin* user) {
  if (user == nullptr || user->state != Plugin::State::kOpening) {
    const std::lock_guard<std::mutex> turn(opening_);
    return OpenOnce(plugin);
  }
  // It is the turn of `user`, or of somebody that waits for it.
  const NestedOpening nested(user, open_timeout_);
  return OpenOnce(plugin);
}

Status Registry::OpenOnce(const std::shared_ptr<Plugin>& plugin) {
  Plugin::State state = Plugin::State::kClosed;
  if (!plugin->state.compare_exchange_strong(state, Plugin::State::kOpening)) {
    if (state == Plugin::State::kOpen) return OkStatus();
    if (state == Plugin::State::kFailed) return plugin->failure;
    return FailedPrecondition("plugin " + plugin->name +
                              " is asked for while it is being opened itself");
  }
  Status status = Load(plugin);
  if (!status.ok()) {
    plugin->failure = status;
    plugin->state = Plugin::State::kFailed;
    return status;
  }
  const MutexLock lock(mutex_);
  open_.push_back(plugin.get());
  plugin->state = Plugin::State::kOpen;
  return OkStatus();
}

Status Registry::Load(const std::shared_ptr<Plugin>& plugin) {
  SHOJI_RETURN_IF_ERROR(FillValues(plugin.get()));
  if (const Status status = Verify(plugin.get()); !status.ok()) {
    return FailedPrecondition("plugin " + plugin->where + " is refused: " + status.message());
  }
  FillHost(plugin.get());
  return OpenWithLimit(plugin, open_timeout_);
}

// The bytes, once: when the plugin is opened, or when somebody wants to know.
Status Registry::Verify(Plugin* plugin) {
  const MutexLock lock(verifying_);
  const auto it = verified_.find(plugin);
  if (it != verified_.end()) return it->second;
  const Status status = VerifyScanned(policy_, &plugin->scanned);
  verified_.emplace(plugin, status);
  return status;
}

Status Registry::FillValues(Plugin* plugin) const {
  const std::string section = plugin->scanned.info.kind + "." + plugin->scanned.info.id + ".";
  for (const OptionSpec& spec : plugin->scanned.note.options) {
    const Result<std::string> text = config_->Find(section + spec.name);
    if (spec.required && (!text.ok() || text->empty())) {
      return FailedPrecondition("option " + section + spec.name +
                                " is required and not set; add it to the configuration");
    }
    if (text.ok()) plugin->values.emplace_back(spec.name, *text);
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

}  // namespace shoji

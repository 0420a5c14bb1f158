// The services that plugins ask the host for (shoji/plugin/services.h).
#include "shoji/plugin/services.h"

#include <algorithm>
#include <cstring>

#include "plugin/error.h"
#include "plugin/opening.h"
#include "plugin/registry.h"
#include "plugin/secrets.h"
#include "shoji/base/file.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

Plugin* PluginOf(const shoji_host* host) { return static_cast<Plugin*>(host->ctx); }
const HostServices& ServicesOf(const shoji_host* host) { return *PluginOf(host)->services; }
std::string Text(shoji_str text) {
  return text.data == nullptr ? std::string()
                              : std::string(text.data, static_cast<std::size_t>(text.size));
}

std::string_view View(shoji_str text) {
  return text.data == nullptr ? std::string_view()
                              : std::string_view(text.data, static_cast<std::size_t>(text.size));
}

// Runs `body`, which gives a Status, while the host is there; what it throws (out of memory,
// a sink of the embedder's) must not pass through the plugin's frames.
template <typename Body>
std::int32_t Guard(const shoji_host* host, shoji_error* error, Body&& body) noexcept {
  try {
    const Gate::Pass pass(PluginOf(host)->gate);
    if (!pass.open()) return FillError(error, Unavailable("the host of the plugin is gone"));
    return FillError(error, std::forward<Body>(body)());
  } catch (const std::exception& e) {
    return FillError(error, Internal(std::string("exception in the host: ") + e.what()));
  }
}

Status PutInto(const shoji_sink* sink, std::string_view text) {
  const std::int32_t code = sink->write(sink->ctx, text.data(), text.size());
  if (code == SHOJI_OK) return OkStatus();
  return {static_cast<StatusCode>(code), "the caller's sink refused the result"};
}

// ---- shoji.log/1

LogLevel LevelOf(std::int32_t level) {
  return static_cast<LogLevel>(std::clamp(level, SHOJI_LOG_TRACE, SHOJI_LOG_ERROR));
}

bool IsLogged(const HostServices& services, std::int32_t level) {
  return services.log && (!services.log_enabled || services.log_enabled(LevelOf(level)));
}

std::int32_t LogEnabled(const shoji_host* host, std::int32_t level) {
  bool enabled = false;
  (void)Guard(host, nullptr, [&] {
    enabled = IsLogged(ServicesOf(host), level);
    return OkStatus();
  });
  return enabled ? 1 : 0;
}

void LogWrite(const shoji_host* host, std::int32_t level, shoji_str message,
              const shoji_option* fields, std::uint32_t field_count) {
  (void)Guard(host, nullptr, [&] {
    if (!IsLogged(ServicesOf(host), level)) return OkStatus();
    std::string line = PluginOf(host)->name + ": " + OneLine(Text(message));
    for (std::uint32_t i = 0; i < field_count; ++i) {
      line += " " + OneLine(Text(fields[i].name)) + "=" + OneLine(Text(fields[i].value));
    }
    ServicesOf(host).log(LevelOf(level), line);
    return OkStatus();
  });
}

constexpr shoji_log_v1 kLog = {sizeof(shoji_log_v1), 0, LogEnabled, LogWrite};

// ---- shoji.spawn/1

bool IsSandboxId(const std::string& id) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return id.size() <= 64 && id != "." && id != ".." &&
         id.find_first_not_of(kAllowed) == std::string::npos;
}

// The directory whose lock tells whether somebody is there: that of a sandbox, or of a VM that
// a factory makes in advance.
std::string MarkOf(const std::string& run_dir, const std::string& id) {
  const std::string held = run_dir + "/factory/" + id;
  return PathExists(held) ? held : run_dir + "/sandboxes/" + id;
}

Result<SpawnOptions> SpawnOptionsOf(const shoji_host* host, const shoji_spawn_args* given) {
  if (!SHOJI_HAS(shoji_spawn_args, given, cwd)) {
    return InvalidArgument("shoji_spawn_args is shorter than in the first release");
  }
  const shoji_spawn_args& args = *given;
  constexpr std::uint32_t kFlags = SHOJI_SPAWN_SETSID | SHOJI_SPAWN_NEWPID | SHOJI_SPAWN_CTTY;
  if ((args.flags & ~kFlags) != 0) {
    return InvalidArgument("unknown flags " + std::to_string(args.flags) + " in spawn");
  }
  const std::string id = Text(args.sandbox_id);
  if (!IsSandboxId(id)) {
    return InvalidArgument("sandbox id \"" + id + "\" does not match [A-Za-z0-9_.-]{1,64}");
  }
  if (args.argc == 0) return InvalidArgument("spawn without a program");
  SpawnOptions options;
  for (std::uint32_t i = 0; i < args.argc; ++i) options.argv.push_back(Text(args.argv[i]));
  for (std::uint32_t i = 0; i < args.env_count; ++i) options.env.push_back(Text(args.env[i]));
  // Last, so that a plugin cannot mark a process as another sandbox's.
  if (!id.empty()) {
    options.env.push_back("SHOJI_SANDBOX_DIR=" + MarkOf(ServicesOf(host).run_dir, id));
  }
  for (std::uint32_t i = 0; i < args.fd_count; ++i) {
    options.fds.emplace_back(args.fds[i].host_fd, args.fds[i].child_fd);
  }
  if (const std::string cwd = Text(args.cwd); !cwd.empty()) options.cwd = cwd;
  options.new_session = (args.flags & SHOJI_SPAWN_SETSID) != 0;
  options.new_pid_namespace = (args.flags & SHOJI_SPAWN_NEWPID) != 0;
  options.controlling_terminal = (args.flags & SHOJI_SPAWN_CTTY) != 0;
  if (SHOJI_HAS(shoji_spawn_args, given, join_pid)) {
    options.network_namespace = Text(args.netns);
    options.join_pid_namespace = args.join_pid;
  }
  return options;
}

std::int32_t SpawnProcess(const shoji_host* host, const shoji_spawn_args* args,
                          std::int32_t* ret_pid, std::int32_t* ret_pidfd, shoji_error* error) {
  return Guard(host, error, [&]() -> Status {
    SHOJI_ASSIGN_OR_RETURN(const SpawnOptions options, SpawnOptionsOf(host, args));
    SHOJI_ASSIGN_OR_RETURN(Child child, Spawn(options));
    *ret_pid = child.pid();
    *ret_pidfd = child.TakePidfd().release();
    return OkStatus();
  });
}

constexpr shoji_spawn_v1 kSpawn = {sizeof(shoji_spawn_v1), 0, SpawnProcess};

// ---- shoji.dirs/1

Result<std::string> DirOf(const HostServices& services, std::int32_t which) {
  switch (which) {
    case SHOJI_DIR_RUN:
      return services.run_dir;
    case SHOJI_DIR_STATE:
      return services.state_dir;
    case SHOJI_DIR_CACHE:
      return services.cache_dir;
    case SHOJI_DIR_LIBEXEC:
      return services.libexec_dir;
    default:
      return InvalidArgument("there is no directory number " + std::to_string(which));
  }
}

std::int32_t DirPath(const shoji_host* host, std::int32_t which, const shoji_sink* ret_path,
                     shoji_error* error) {
  return Guard(host, error, [&]() -> Status {
    SHOJI_ASSIGN_OR_RETURN(const std::string path, DirOf(ServicesOf(host), which));
    return PutInto(ret_path, path);
  });
}

constexpr shoji_dirs_v1 kDirs = {sizeof(shoji_dirs_v1), 0, DirPath};

// ---- shoji.trace/1

void TraceSpan(const shoji_host* host, shoji_str /*traceparent*/, shoji_str name,
               std::int64_t begin_ns, std::int64_t end_ns) {
  (void)Guard(host, nullptr, [&] {
    const HostServices& services = ServicesOf(host);
    if (services.on_span) services.on_span(Span{OneLine(Text(name)), begin_ns, end_ns});
    return OkStatus();
  });
}

constexpr shoji_trace_v1 kTrace = {sizeof(shoji_trace_v1), 0, TraceSpan};

// ---- shoji.secrets/1

std::int32_t SecretRead(const shoji_host* host, shoji_str reference, const shoji_sink* ret_secret,
                        shoji_error* error) {
  return Guard(host, error, [&]() -> Status {
    SHOJI_ASSIGN_OR_RETURN(const Secret secret, ReadSecret(View(reference)));
    return PutInto(ret_secret, secret.text());
  });
}

constexpr shoji_secrets_v1 kSecrets = {sizeof(shoji_secrets_v1), 0, SecretRead};

// ---- shoji.metrics/1: need no gate, the numbers belong to the plugin

template <typename Body>
void Tell(const shoji_host* host, Body&& body) noexcept {
  try {
    std::forward<Body>(body)(PluginOf(host)->metrics);
  } catch (const std::exception&) {  // out of memory: the number is lost
    return;
  }
}

void MetricCount(const shoji_host* host, shoji_str name, std::uint64_t delta) {
  Tell(host, [&](MetricSet& metrics) { metrics.Count(View(name), delta); });
}
void MetricGauge(const shoji_host* host, shoji_str name, std::int64_t value) {
  Tell(host, [&](MetricSet& metrics) { metrics.Gauge(View(name), value); });
}
void MetricObserve(const shoji_host* host, shoji_str name, std::uint64_t value) {
  Tell(host, [&](MetricSet& metrics) { metrics.Observe(View(name), value); });
}

constexpr shoji_metrics_v1 kMetrics = {sizeof(shoji_metrics_v1), 0, MetricCount, MetricGauge,
                                       MetricObserve};

// ---- shoji.plugins/1

std::int32_t FindPlugin(const shoji_host* host, shoji_str kind, shoji_str plugin_id,
                        const char* interface_id, const void** ret_table, void** ret_plugin,
                        const shoji_options** ret_options, shoji_error* error) {
  return Guard(host, error, [&]() -> Status {
    Plugin* asking = PluginOf(host);
    SHOJI_ASSIGN_OR_RETURN(Plugin * found,
                           asking->registry->Open(Text(kind), Text(plugin_id), asking));
    SHOJI_ASSIGN_OR_RETURN(const void* table, FindInterface(*found, interface_id));
    *ret_table = table;
    *ret_plugin = found->table.self;
    *ret_options = &found->options;
    return OkStatus();
  });
}

std::int32_t ErrorText(const shoji_host* host, const shoji_error* error,
                       const shoji_sink* ret_text) {
  return Guard(host, nullptr, [&]() -> Status {
    return error == nullptr ? OkStatus() : PutInto(ret_text, error->message);
  });
}

constexpr shoji_plugins_v1 kPlugins = {sizeof(shoji_plugins_v1), 0, FindPlugin, ErrorText};

}  // namespace

const void* FindService(const shoji_host* /*host*/, const char* id) {
  if (std::strcmp(id, SHOJI_LOG_V1) == 0) return &kLog;
  if (std::strcmp(id, SHOJI_SPAWN_V1) == 0) return &kSpawn;
  if (std::strcmp(id, SHOJI_DIRS_V1) == 0) return &kDirs;
  if (std::strcmp(id, SHOJI_TRACE_V1) == 0) return &kTrace;
  if (std::strcmp(id, SHOJI_SECRETS_V1) == 0) return &kSecrets;
  if (std::strcmp(id, SHOJI_METRICS_V1) == 0) return &kMetrics;
  if (std::strcmp(id, SHOJI_PLUGINS_V1) == 0) return &kPlugins;
  return nullptr;
}

}  // namespace shoji

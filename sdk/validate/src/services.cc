#include "services.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "shoji/base/file.h"
#include "shoji/spawn/spawn.h"

namespace shoji::validate {
namespace {

std::int32_t Refuse(const shoji_host* host, shoji_error* err, const Status& status) {
  host->error_set(err, static_cast<std::int32_t>(status.code()), status.sys_errno(),
                  Str(status.message()));
  return static_cast<std::int32_t>(status.code());
}

std::int32_t LogEnabled(const shoji_host*, std::int32_t) { return 1; }

void LogWrite(const shoji_host* host, std::int32_t level, shoji_str message,
              const shoji_option* fields, std::uint32_t count) {
  std::string line = Text(message);
  for (std::uint32_t i = 0; i < count; ++i) {
    line += " " + Text(fields[i].name) + "=" + Text(fields[i].value);
  }
  if (level < SHOJI_LOG_TRACE || level > SHOJI_LOG_ERROR) {
    Services::Misuse(host, "logs with the unknown level " + std::to_string(level));
  }
  Services::Hear(host, std::move(line));
}

Result<Child> SpawnAs(const shoji_spawn_args& args) {
  if (args.argc == 0) return InvalidArgument("spawn without a program");
  SpawnOptions options;
  for (std::uint32_t i = 0; i < args.argc; ++i) options.argv.push_back(Text(args.argv[i]));
  for (std::uint32_t i = 0; i < args.env_count; ++i) options.env.push_back(Text(args.env[i]));
  for (std::uint32_t i = 0; i < args.fd_count; ++i) {
    options.fds.emplace_back(args.fds[i].host_fd, args.fds[i].child_fd);
  }
  if (args.cwd.size > 0) options.cwd = Text(args.cwd);
  options.new_session = (args.flags & SHOJI_SPAWN_SETSID) != 0;
  options.new_pid_namespace = (args.flags & SHOJI_SPAWN_NEWPID) != 0;
  options.controlling_terminal = (args.flags & SHOJI_SPAWN_CTTY) != 0;
  if (args.struct_size >= sizeof args) {  // not by a plugin of the first release
    options.network_namespace = Text(args.netns);
    options.join_pid_namespace = args.join_pid;
  }
  return Spawn(options);
}

std::int32_t SpawnProcess(const shoji_host* host, const shoji_spawn_args* args,
                          std::int32_t* ret_pid, std::int32_t* ret_pidfd, shoji_error* err) {
  if (!SHOJI_HAS(shoji_spawn_args, args, cwd)) {
    Services::Misuse(host, "shoji_spawn_args.struct_size is smaller than in the first release");
    return Refuse(host, err, InvalidArgument("shoji_spawn_args is too short"));
  }
  Result<Child> child = SpawnAs(*args);
  if (!child.ok()) return Refuse(host, err, child.status());
  *ret_pid = child->pid();
  *ret_pidfd = child->TakePidfd().release();
  return SHOJI_OK;
}

std::int32_t DirPath(const shoji_host* host, std::int32_t which, const shoji_sink* ret_path,
                     shoji_error* err) {
  if (which < SHOJI_DIR_RUN || which > SHOJI_DIR_LIBEXEC) {
    return Refuse(host, err,
                  InvalidArgument("there is no directory number " + std::to_string(which)));
  }
  const std::string path = Services::Scratch(host) + "/dir" + std::to_string(which);
  if (const Status made = MakeDirs(path, 0700); !made.ok()) return Refuse(host, err, made);
  return ret_path->write(ret_path->ctx, path.data(), path.size());
}

void TraceSpan(const shoji_host* host, shoji_str, shoji_str name, std::int64_t begin_ns,
               std::int64_t end_ns) {
  if (begin_ns > end_ns) {
    Services::Misuse(host, "span " + Text(name) + " ends before it begins");
  }
  Services::Hear(host, Text(name));
}

Result<std::string> SecretOf(const std::string& reference) {
  if (reference.rfind("text:", 0) == 0) return reference.substr(5);
  if (reference.rfind("file:", 0) == 0) {
    SHOJI_ASSIGN_OR_RETURN(std::string text, ReadFile(reference.substr(5), 64U << 10U));
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
  if (reference.rfind("env:", 0) == 0) {
    const char* const value = std::getenv(reference.c_str() + 4);
    if (value == nullptr) return NotFound("there is no variable " + reference.substr(4));
    return std::string(value);
  }
  return reference;
}

std::int32_t ReadSecret(const shoji_host* host, shoji_str reference, const shoji_sink* ret_secret,
                        shoji_error* err) {
  const Result<std::string> secret = SecretOf(Text(reference));
  if (!secret.ok()) return Refuse(host, err, secret.status());
  return ret_secret->write(ret_secret->ctx, secret->data(), secret->size());
}

void CheckMetric(const shoji_host* host, shoji_str name) {
  const std::string text = Text(name);
  const bool valid =
      !text.empty() && text.size() <= 64 &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
  if (!valid) Services::Misuse(host, "metric \"" + text + "\" does not match [a-z0-9_]{1,64}");
  Services::Hear(host, text);
}

void Count(const shoji_host* host, shoji_str name, std::uint64_t) { CheckMetric(host, name); }
void Gauge(const shoji_host* host, shoji_str name, std::int64_t) { CheckMetric(host, name); }

std::int32_t FindPlugin(const shoji_host* host, shoji_str kind, shoji_str id, const char*,
                        const void**, void**, const shoji_options**, shoji_error* err) {
  return Refuse(host, err,
                NotFound("there is no plugin \"" + Text(id) + "\" of kind " + Text(kind) +
                         ": shoji-validate loads one plugin only"));
}

constexpr shoji_log_v1 kLog = {sizeof(shoji_log_v1), 0, LogEnabled, LogWrite};
constexpr shoji_spawn_v1 kSpawn = {sizeof(shoji_spawn_v1), 0, SpawnProcess};
constexpr shoji_dirs_v1 kDirs = {sizeof(shoji_dirs_v1), 0, DirPath};
constexpr shoji_trace_v1 kTrace = {sizeof(shoji_trace_v1), 0, TraceSpan};
constexpr shoji_secrets_v1 kSecrets = {sizeof(shoji_secrets_v1), 0, ReadSecret};
constexpr shoji_metrics_v1 kMetrics = {sizeof(shoji_metrics_v1), 0, Count, Gauge, Count};
constexpr shoji_plugins_v1 kPlugins = {sizeof(shoji_plugins_v1), 0, FindPlugin, nullptr};

}  // namespace

const void* Services::Find(const std::string& id) {
  static const std::map<std::string, const void*> kTables = {
      {SHOJI_LOG_V1, &kLog},         {SHOJI_SPAWN_V1, &kSpawn},     {SHOJI_DIRS_V1, &kDirs},
      {SHOJI_TRACE_V1, &kTrace},     {SHOJI_SECRETS_V1, &kSecrets}, {SHOJI_METRICS_V1, &kMetrics},
      {SHOJI_PLUGINS_V1, &kPlugins},
  };
  const auto found = kTables.find(id);
  return found == kTables.end() ? nullptr : found->second;
}

}  // namespace shoji::validate

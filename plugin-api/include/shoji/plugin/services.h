/* What the host offers to plugins. Each service is an id that may be absent:
 * a plugin without it does less, but does not fail.
 *
 * Threads  All slots are [any].
 * Since    ABI 1, all slots.
 * Example
 *     const shoji_log_v1 *log = host->get_service(host, SHOJI_LOG_V1);
 *     if (log != NULL) log->write(host, SHOJI_LOG_WARN, text, NULL, 0);
 */
#ifndef SHOJI_PLUGIN_SERVICES_H_
#define SHOJI_PLUGIN_SERVICES_H_

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- shoji.log/1: one log, one format, one level ------------------------- */
#define SHOJI_LOG_V1 "shoji.log/1"
#define SHOJI_LOG_TRACE 0
#define SHOJI_LOG_DEBUG 1
#define SHOJI_LOG_INFO 2
#define SHOJI_LOG_WARN 3
#define SHOJI_LOG_ERROR 4

/* The log. */
typedef struct shoji_log_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Non-zero when a message of `level` would be written. */
  int32_t (*enabled)(const shoji_host *host, int32_t level);
  /* Writes one line; `fields` are structured names and values. Never fails. */
  void (*write)(const shoji_host *host, int32_t level, shoji_str message,
                const shoji_option *fields, uint32_t field_count);
} shoji_log_v1;

/* ---- shoji.spawn/1: processes that can be found again -------------------- */
#define SHOJI_SPAWN_V1 "shoji.spawn/1"
#define SHOJI_SPAWN_SETSID 0x1u /* a session of its own: no signals from the caller's terminal */
#define SHOJI_SPAWN_NEWPID 0x2u /* process 1 of a PID namespace of its own */
#define SHOJI_SPAWN_CTTY 0x4u   /* with SETSID: descriptor 0 is its controlling terminal */

/* `child_fd` of the new process refers to what `host_fd` refers to here. */
typedef struct shoji_fd_map {
  int32_t host_fd;
  int32_t child_fd;
} shoji_fd_map;

/* The process to be started. */
typedef struct shoji_spawn_args {
  uint32_t struct_size;
  uint32_t flags;          /* SHOJI_SPAWN_* */
  shoji_str sandbox_id;    /* whose process it is: marks it, so that garbage
                              collection finds it after a crash of ours */
  const shoji_str *argv;   /* argv[0] is the path of the program */
  const shoji_str *env;    /* added to the host's environment, "NAME=value" */
  const shoji_fd_map *fds; /* everything else is closed; 0, 1, 2 not named here
                              are /dev/null */
  uint32_t argc;
  uint32_t env_count;
  uint32_t fd_count;
  uint32_t reserved0;
  shoji_str cwd; /* empty: "/" */
  /* Later than the first release: a shorter struct_size, or an older host, has none of it.
   * Nor has that host the flags NEWPID and CTTY: it refuses them. */
  shoji_str netns;  /* path of the network namespace it is started in; empty: the host's */
  int32_t join_pid; /* process whose PID namespace it is put into; 0: the host's own. Not
                       with NEWPID. It stays a child of the host in any case. */
  uint32_t reserved1;
} shoji_spawn_args;

/* Starts processes. */
typedef struct shoji_spawn_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Starts a process. *ret_pidfd (owned by the caller) becomes readable when it
   * has ended; reap it with waitid(P_PIDFD). Errors: NOT_FOUND and
   * PERMISSION_DENIED for the program and the namespaces, FAILED_PRECONDITION when the
   * PID namespace to join has ended, RESOURCE_EXHAUSTED. */
  int32_t (*spawn)(const shoji_host *host, const shoji_spawn_args *args, int32_t *ret_pid,
                   int32_t *ret_pidfd, shoji_error *err);
} shoji_spawn_v1;

/* ---- shoji.dirs/1 ---------------------------------------------------------- */
#define SHOJI_DIRS_V1 "shoji.dirs/1"
#define SHOJI_DIR_RUN 0     /* lost at reboot; holds sockets */
#define SHOJI_DIR_STATE 1   /* kept across reboots */
#define SHOJI_DIR_CACHE 2   /* may be emptied at any time */
#define SHOJI_DIR_LIBEXEC 3 /* helper programs installed with the host */
/* Where things belong. */
typedef struct shoji_dirs_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Writes the absolute path of directory `which`; it exists only if somebody made
   * it. INVALID_ARGUMENT for an unknown one. */
  int32_t (*path)(const shoji_host *host, int32_t which, const shoji_sink *ret_path,
                  shoji_error *err);
} shoji_dirs_v1;

/* ---- shoji.trace/1: how long things took ---------------------------------- */
#define SHOJI_TRACE_V1 "shoji.trace/1"
/* Takes times. */
typedef struct shoji_trace_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Reports a finished stage, e.g. "vm.process"; times are CLOCK_MONOTONIC in
   * nanoseconds. Never fails. */
  void (*span)(const shoji_host *host, shoji_str traceparent, shoji_str name, int64_t begin_ns,
               int64_t end_ns);
} shoji_trace_v1;

/* ---- shoji.secrets/1: passwords and keys, kept out of configuration ------- */
#define SHOJI_SECRETS_V1 "shoji.secrets/1"
/* Reads secrets. */
typedef struct shoji_secrets_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Writes the secret that `reference` names. An option flagged "secret" arrives as the
   * operator wrote it, which is such a reference: "file:PATH" (absolute, readable by its
   * owner alone; the last line break is not part of it), "env:NAME", "text:VALUE", and
   * anything else is the secret itself. The plugin keeps it no longer than it must and
   * never logs it. Errors: NOT_FOUND, PERMISSION_DENIED (others may read the file),
   * INVALID_ARGUMENT (path not absolute, more than 64 KiB). */
  int32_t (*read)(const shoji_host *host, shoji_str reference, const shoji_sink *ret_secret,
                  shoji_error *err);
} shoji_secrets_v1;

/* ---- shoji.metrics/1: numbers for the operator ------------------------------ */
#define SHOJI_METRICS_V1 "shoji.metrics/1"
/* Takes numbers. */
typedef struct shoji_metrics_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Adds `delta` (0 or more) to counter `name`: [a-z0-9_]{1,64}, the host puts kind and
   * id of the plugin before it. Never fails. */
  void (*count)(const shoji_host *host, shoji_str name, uint64_t delta);
  /* Sets gauge `name`. Never fails. */
  void (*gauge)(const shoji_host *host, shoji_str name, int64_t value);
  /* Records a duration or size in histogram `name`; the unit is part of its name
   * ("save_ns", "value_bytes"). Never fails. */
  void (*observe)(const shoji_host *host, shoji_str name, uint64_t value);
} shoji_metrics_v1;

/* ---- shoji.plugins/1: other plugins, for those that combine them ----------- */
#define SHOJI_PLUGINS_V1 "shoji.plugins/1"
/* Finds other plugins. */
typedef struct shoji_plugins_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Finds interface `interface_id` of plugin `plugin_id` of `kind` (empty
   * plugin_id: the configured one), loading it if need be. On success *ret_table is
   * its table, *ret_plugin the `plugin` argument of its open(), *ret_options the
   * configured options for open(). All stay valid until the caller's shutdown().
   * Errors: NOT_FOUND (names the plugins there are), whatever loading gives. */
  int32_t (*find)(const shoji_host *host, shoji_str kind, shoji_str plugin_id,
                  const char *interface_id, const void **ret_table, void **ret_plugin,
                  const shoji_options **ret_options, shoji_error *err);

  /* Writes the message that another plugin has put into `err`, the caller's own; nothing
   * when there is none. For those that go on after a failure and tell why. INTERNAL, or what
   * `ret_text` answers. Since minor 1. */
  int32_t (*error_text)(const shoji_host *host, const shoji_error *err, const shoji_sink *ret_text);
} shoji_plugins_v1;

#ifdef __cplusplus
}
#endif
#endif

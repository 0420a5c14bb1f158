/* Kind "agent": speaks to the program that runs containers inside the guest.
 *
 * Purpose   The required interface is what running a container needs; pause,
 *           statistics, network, hotplug, file copy, and OOM events are optional
 *           interfaces beside it, asked for with get_extension().
 * Wire      The slots are named after the RPCs of Kata 1.x (grpc.AgentService);
 *           an agent plugin may speak another protocol behind them.
 * Threads   [any]: calls of several threads run side by side on one handle.
 * Errors    Of every call: CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE (the guest is gone,
 *           told within a second), and whatever the guest answers, with its number;
 *           NOT_FOUND for a container or process that is not there.
 * Since     ABI 1, all slots.
 * Example
 *     agent->open(plugin, opts, &connector, &a, err);
 *     agent->check(a, call, err);                  // waits for the guest
 *     agent->create_sandbox(a, call, &request, err);
 */
#ifndef SHOJI_PLUGIN_AGENT_H_
#define SHOJI_PLUGIN_AGENT_H_

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_AGENT_V1 "shoji.agent/1"

typedef struct shoji_agent shoji_agent;

/* How the agent plugin reaches the guest: usually shoji_proxy_v1.connect behind it.
 * The agent calls release() exactly once: at close, or when open() fails. */
typedef struct shoji_connector {
  uint32_t struct_size;
  uint32_t reserved0;
  void *ctx;
  /* [any] As shoji_proxy_v1.connect: the descriptor belongs to the caller. */
  int32_t (*connect)(void *ctx, const shoji_call *call, int32_t *ret_fd, shoji_error *err);
  /* [any] Frees what ctx stands for. May be NULL. */
  void (*release)(void *ctx);
} shoji_connector;

/* A file system the guest mounts (Kata: grpc.Storage). */
typedef struct shoji_storage {
  uint32_t struct_size;
  uint32_t option_count;
  uint32_t driver_option_count;
  uint32_t reserved0;
  shoji_str driver; /* 9p, virtio-fs, blk, ephemeral, local, ... */
  shoji_str source;
  shoji_str fstype;
  shoji_str mount_point; /* in the guest */
  const shoji_str *options;
  const shoji_str *driver_options;
} shoji_storage;

/* A device the guest waits for and puts into a container (Kata: grpc.Device). */
typedef struct shoji_agent_device {
  uint32_t struct_size;
  uint32_t option_count;
  shoji_str id;
  shoji_str type;
  shoji_str vm_path;
  shoji_str container_path;
  const shoji_str *options;
} shoji_agent_device;

#define SHOJI_SANDBOX_SHARED_PIDNS 0x1u

/* What the guest prepares for all containers. */
typedef struct shoji_sandbox_request {
  uint32_t struct_size;
  uint32_t flags; /* SHOJI_SANDBOX_* */
  shoji_str sandbox_id;
  shoji_str hostname;
  const shoji_str *dns; /* lines of resolv.conf */
  const shoji_storage *const *storages;
  uint32_t dns_count;
  uint32_t storage_count;
  shoji_str guest_hook_path;
} shoji_sandbox_request;

/* A container to be made in the guest. */
typedef struct shoji_container_request {
  uint32_t struct_size;
  uint32_t flags; /* SHOJI_SANDBOX_SHARED_PIDNS */
  shoji_str container_id;
  shoji_str exec_id;   /* of the init process: equal to container_id */
  shoji_str spec_json; /* OCI runtime spec 1.0, as the guest shall apply it */
  const shoji_storage *const *storages;
  const shoji_agent_device *const *devices;
  uint32_t storage_count;
  uint32_t device_count;
} shoji_container_request;

/* Another process for a container that runs. */
typedef struct shoji_exec_request {
  uint32_t struct_size;
  uint32_t reserved0;
  shoji_str container_id;
  shoji_str exec_id;
  shoji_str process_json; /* OCI runtime spec: process */
} shoji_exec_request;

/* A process in the guest: container and exec id (equal, or exec id empty where a
 * slot says so). */
typedef struct shoji_process_ref {
  shoji_str container_id;
  shoji_str exec_id;
} shoji_process_ref;

/* Failures of a guest that is gone are UNAVAILABLE, within a second. Codes that come
 * from the guest keep their gRPC number. When a command cannot be run,
 * start_container and exec_process fail with detail "reason" =
 * "command-not-found" or "command-not-executable". */
typedef struct shoji_agent_v1 {
  uint32_t struct_size;
  uint32_t reserved0;

  /* Prepares a client; no traffic yet. `connector` is copied. */
  int32_t (*open)(void *plugin, const shoji_options *options, const shoji_connector *connector,
                  shoji_agent **ret_agent, shoji_error *err);
  /* [init] Cancels what is under way and drops the handle. */
  void (*close)(shoji_agent *agent);

  /* Health.Check: returns when the agent answers. Meant to be called while the guest
   * still boots. */
  int32_t (*check)(shoji_agent *agent, const shoji_call *call, shoji_error *err);
  /* GetGuestDetails + Health.Version, as JSON: {"agent_version","grpc_version",
   * "mem_block_size_bytes","supports_seccomp","storage_handlers","device_handlers"}. */
  int32_t (*guest_details)(shoji_agent *agent, const shoji_call *call, const shoji_sink *ret_json,
                           shoji_error *err);

  /* CreateSandbox: once per guest. ALREADY_EXISTS the second time, INVALID_ARGUMENT for
   * unknown flags. */
  int32_t (*create_sandbox)(shoji_agent *agent, const shoji_call *call,
                            const shoji_sandbox_request *request, shoji_error *err);
  /* DestroySandbox: ends all containers. Idempotent: success when there is none. */
  int32_t (*destroy_sandbox)(shoji_agent *agent, const shoji_call *call, shoji_error *err);

  /* CreateContainer: everything but the start. ALREADY_EXISTS for the id,
   * INVALID_ARGUMENT for the specification; nothing of it is left on failure. */
  int32_t (*create_container)(shoji_agent *agent, const shoji_call *call,
                              const shoji_container_request *request, shoji_error *err);
  /* StartContainer: runs the init process. FAILED_PRECONDITION when it was started. */
  int32_t (*start_container)(shoji_agent *agent, const shoji_call *call, shoji_str container_id,
                             shoji_error *err);
  /* RemoveContainer: kills what runs and removes it; waits `timeout_s` seconds at most,
   * 0: as long as the call may. Success when it is gone. */
  int32_t (*remove_container)(shoji_agent *agent, const shoji_call *call, shoji_str container_id,
                              uint32_t timeout_s, shoji_error *err);

  /* ExecProcess: starts another process in a running container. */
  int32_t (*exec_process)(shoji_agent *agent, const shoji_call *call,
                          const shoji_exec_request *request, shoji_error *err);
  /* SignalProcess; an empty exec_id means every process of the container. */
  int32_t (*signal_process)(shoji_agent *agent, const shoji_call *call, shoji_process_ref process,
                            uint32_t signal, shoji_error *err);
  /* WaitProcess: blocks until the process has ended; 128 + signal when killed. For an
   * exec only once; read its output to the end before. */
  int32_t (*wait_process)(shoji_agent *agent, const shoji_call *call, shoji_process_ref process,
                          int32_t *ret_status, shoji_error *err);

  /* WriteStdin: blocks while the process does not read. *ret_written bytes were taken
   * (0 when its input is closed). */
  int32_t (*write_stdin)(shoji_agent *agent, const shoji_call *call, shoji_process_ref process,
                         shoji_str data, uint64_t *ret_written, shoji_error *err);
  /* CloseStdin: the process sees end of file. Idempotent. */
  int32_t (*close_stdin)(shoji_agent *agent, const shoji_call *call, shoji_process_ref process,
                         shoji_error *err);
  /* ReadStdout: blocks until there is something, then writes at most `max_bytes` to the
   * sink. OUT_OF_RANGE at the end. */
  int32_t (*read_stdout)(shoji_agent *agent, const shoji_call *call, shoji_process_ref process,
                         uint32_t max_bytes, const shoji_sink *ret_data, shoji_error *err);
  /* ReadStderr: as read_stdout. With a terminal there is none: OUT_OF_RANGE. */
  int32_t (*read_stderr)(shoji_agent *agent, const shoji_call *call, shoji_process_ref process,
                         uint32_t max_bytes, const shoji_sink *ret_data, shoji_error *err);
  /* TtyWinResize: FAILED_PRECONDITION without a terminal. */
  int32_t (*tty_win_resize)(shoji_agent *agent, const shoji_call *call, shoji_process_ref process,
                            uint32_t rows, uint32_t columns, shoji_error *err);

  /* ReseedRandomDev: mixes `data` into the guest's random pool. */
  int32_t (*reseed_random)(shoji_agent *agent, const shoji_call *call, shoji_str data,
                           shoji_error *err);
  /* SetGuestDateTime: seconds since 1970 and microseconds. */
  int32_t (*set_time)(shoji_agent *agent, const shoji_call *call, int64_t seconds,
                      int64_t microseconds, shoji_error *err);

  /* [any] The table of an optional interface, or NULL. */
  const void *(*get_extension)(shoji_agent *agent, const char *id);
} shoji_agent_v1;

#ifdef __cplusplus
}
#endif
#endif

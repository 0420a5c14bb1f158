/* Kind "shim": the process on the host that stands for a process in the guest.
 *
 * Purpose   Engines want a host pid with the container's stdio and exit status. A
 *           shim plugin starts such a process, or, built in, starts none: then the
 *           caller uses WaitProcess, SignalProcess, WinsizeProcess and IOStream.
 * Threads   [any].
 * Errors    CANCELLED and DEADLINE_EXCEEDED; INVALID_ARGUMENT for the parameters; NOT_FOUND and
 *           PERMISSION_DENIED for the program of the shim.
 * Since     ABI 1, all slots but those that say otherwise.
 * Example   shim->start(plugin, opts, call, &params, &pid, err);  // -1: built in
 */
#ifndef SHOJI_PLUGIN_SHIM_H_
#define SHOJI_PLUGIN_SHIM_H_

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_SHIM_V1 "shoji.shim/1"
#define SHOJI_SHIM_TERMINAL 0x1u
#define SHOJI_SHIM_DETACH 0x2u
#define SHOJI_SHIM_BUILT_IN (-1)

/* The process in the guest, and how its stdio is reached. */
typedef struct shoji_shim_params {
  uint32_t struct_size;
  uint32_t flags; /* SHOJI_SHIM_* */
  shoji_str sandbox_id;
  shoji_str container_id;
  shoji_str exec_id;   /* equal to container_id for the init process */
  shoji_str proxy_url; /* of shoji_proxy_v1.info */
  shoji_str console;   /* path of a pty, or empty: stdio is inherited */
  /* Since minor 1; a shorter struct_size means none of it. */
  shoji_str netns;  /* path of the network namespace the shim is started in; empty: the host's */
  int32_t join_pid; /* process whose PID namespace the shim of an exec joins; 0: a new one, for
                       the shim of a container */
  uint32_t reserved0;
  /* Since minor 2; a shorter struct_size means none. */
  shoji_str token; /* by which the shim claims the streams (shoji_agent_shim_v1); empty: the
                      exec id is all it needs */
} shoji_shim_params;

/* The table of shoji.shim/1. */
typedef struct shoji_shim_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Starts the shim. *ret_pid is its process id, or SHOJI_SHIM_BUILT_IN. */
  int32_t (*start)(void *plugin, const shoji_options *options, const shoji_call *call,
                   const shoji_shim_params *params, int32_t *ret_pid, shoji_error *err);
  /* Ends the shim `pid`. Success if it is gone or built in. */
  int32_t (*stop)(void *plugin, const shoji_call *call, int32_t pid, shoji_error *err);

  /* Sends `signal` to the process of `params`, or with an empty exec_id to every process of its
   * container, by way of the container's shim `pid`, and returns when the guest has answered:
   * any signal, also those that end or stop a process without asking it. Of `params` only the
   * ids count. UNAVAILABLE: the shim cannot, or has just ended; the caller asks the agent then.
   * NOT_FOUND: there is no such process any more. INTERNAL: what else the guest answered.
   * Optional. Since minor 2. */
  int32_t (*signal)(void *plugin, const shoji_options *options, const shoji_call *call,
                    const shoji_shim_params *params, int32_t pid, int32_t signal, shoji_error *err);
} shoji_shim_v1;

#ifdef __cplusplus
}
#endif
#endif

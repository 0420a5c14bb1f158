/* Optional interfaces of an agent: what not every guest offers.
 *
 * Purpose   Small tables, each asked for with shoji_agent_v1.get_extension(). Named
 *           after the RPCs of Kata 1.x (grpc.AgentService) that they stand for. A guest
 *           too old for one of them answers UNIMPLEMENTED at the call.
 * Threads   [any]: calls of several threads run side by side on one handle.
 * Errors    As of every call to an agent (agent.h); UNIMPLEMENTED of a guest that is too old.
 * Since     ABI 1, all slots.
 * Example
 *     const shoji_agent_pause_v1 *p = agent->get_extension(a, SHOJI_AGENT_PAUSE_V1);
 *     if (SHOJI_HAS_SLOT(shoji_agent_pause_v1, p, pause)) p->pause(a, call, id, err);
 */
#ifndef SHOJI_PLUGIN_AGENT_EXT_H_
#define SHOJI_PLUGIN_AGENT_EXT_H_

#include "agent.h"
#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_AGENT_PAUSE_V1 "shoji.agent.pause/1"
#define SHOJI_AGENT_STATS_V1 "shoji.agent.stats/1"
#define SHOJI_AGENT_UPDATE_V1 "shoji.agent.update/1"
#define SHOJI_AGENT_NETWORK_V1 "shoji.agent.network/1"
#define SHOJI_AGENT_HOTPLUG_V1 "shoji.agent.hotplug/1"
#define SHOJI_AGENT_FILES_V1 "shoji.agent.files/1"
#define SHOJI_AGENT_OOM_V1 "shoji.agent.oom/1"
#define SHOJI_AGENT_SILENCE_V1 "shoji.agent.silence/1"

/* Stops a container and lets it go on. */
typedef struct shoji_agent_pause_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* PauseContainer. Idempotent. NOT_FOUND for the container. */
  int32_t (*pause)(shoji_agent *agent, const shoji_call *call, shoji_str container_id,
                   shoji_error *err);
  /* ResumeContainer. Idempotent. NOT_FOUND for the container. */
  int32_t (*resume)(shoji_agent *agent, const shoji_call *call, shoji_str container_id,
                    shoji_error *err);
} shoji_agent_pause_v1;

/* What a container uses and runs. */
typedef struct shoji_agent_stats_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* StatsContainer, as JSON with the field names of grpc.StatsContainerResponse.
   * NOT_FOUND for the container. */
  int32_t (*stats)(shoji_agent *agent, const shoji_call *call, shoji_str container_id,
                   const shoji_sink *ret_json, shoji_error *err);
  /* ListProcesses: `format` is "json" (an array of process ids of the guest) or "table"
   * (what ps prints with `args`, cut to the container's processes). */
  int32_t (*list_processes)(shoji_agent *agent, const shoji_call *call, shoji_str container_id,
                            shoji_str format, const shoji_str *args, uint32_t arg_count,
                            const shoji_sink *ret_text, shoji_error *err);
} shoji_agent_stats_v1;

/* Other limits for a container that runs. */
typedef struct shoji_agent_update_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* UpdateContainer: `resources_json` is linux.resources of the OCI runtime spec; what
   * it does not name stays. Idempotent. */
  int32_t (*update)(shoji_agent *agent, const shoji_call *call, shoji_str container_id,
                    shoji_str resources_json, shoji_error *err);
} shoji_agent_update_v1;

/* The guest's network. JSON with the field names of types.Interface, types.Route and
 * types.ARPNeighbor. */
typedef struct shoji_agent_network_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* UpdateInterface: finds the interface by its hwAddr and sets the rest; writes it as it
   * is then. Idempotent. NOT_FOUND when the guest has none with that address. */
  int32_t (*update_interface)(shoji_agent *agent, const shoji_call *call, shoji_str interface_json,
                              const shoji_sink *ret_json, shoji_error *err);
  /* UpdateRoutes: an array; what is not in it is removed. Writes the routes as they are
   * then, also when the call fails. Idempotent. */
  int32_t (*update_routes)(shoji_agent *agent, const shoji_call *call, shoji_str routes_json,
                           const shoji_sink *ret_json, shoji_error *err);
  /* ListInterfaces: writes an array. */
  int32_t (*list_interfaces)(shoji_agent *agent, const shoji_call *call, const shoji_sink *ret_json,
                             shoji_error *err);
  /* ListRoutes: writes an array. */
  int32_t (*list_routes)(shoji_agent *agent, const shoji_call *call, const shoji_sink *ret_json,
                         shoji_error *err);
  /* AddARPNeighbors: an array. Idempotent. */
  int32_t (*add_neighbors)(shoji_agent *agent, const shoji_call *call, shoji_str neighbors_json,
                           shoji_error *err);
} shoji_agent_network_v1;

#define SHOJI_ONLINE_WAIT 0x1u     /* return when all are online */
#define SHOJI_ONLINE_CPU_ONLY 0x2u /* leave memory alone */

/* Takes into use what was plugged into the VM. */
typedef struct shoji_agent_hotplug_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* OnlineCPUMem: brings `cpus` hot-plugged vCPUs and all new memory online. */
  int32_t (*online)(shoji_agent *agent, const shoji_call *call, uint32_t cpus, uint32_t flags,
                    shoji_error *err);
  /* MemHotplugByProbe: guest physical addresses of memory to probe. */
  int32_t (*probe_memory)(shoji_agent *agent, const shoji_call *call, const uint64_t *addresses,
                          uint32_t count, shoji_error *err);
} shoji_agent_hotplug_v1;

/* One piece of a file for the guest. */
typedef struct shoji_copy_request {
  uint32_t struct_size;
  uint32_t file_mode; /* permission bits */
  uint32_t dir_mode;  /* of parent directories that must be made */
  uint32_t uid;
  uint32_t gid;
  uint32_t reserved0;
  shoji_str path;     /* in the guest, absolute */
  uint64_t file_size; /* bytes of the whole file */
  uint64_t offset;    /* where `data` goes */
  shoji_str data;     /* at most 1 MiB */
} shoji_copy_request;

/* Files for the guest. */
typedef struct shoji_agent_files_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* CopyFile: one piece. The file appears under its name with the piece that completes
   * it. */
  int32_t (*copy)(shoji_agent *agent, const shoji_call *call, const shoji_copy_request *request,
                  shoji_error *err);
} shoji_agent_files_v1;

/* Containers that ran out of memory. */
typedef struct shoji_agent_oom_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* GetOOMEvent: blocks until a container of the guest ran out of memory and writes its
   * id. One caller at a time gets each event. */
  int32_t (*next)(shoji_agent *agent, const shoji_call *call, const shoji_sink *ret_container_id,
                  shoji_error *err);
} shoji_agent_oom_v1;

/* What the host knows of a guest that does not answer. */
typedef struct shoji_silence {
  uint32_t struct_size;
  uint32_t reserved0;
  void *ctx;
  /* 1 while the VM is held on purpose (paused), by whichever process; else 0. Reads a record,
   * so it is for a guest that was silent for long. Any thread, until close(). */
  int32_t (*paused)(void *ctx);
} shoji_silence;

/* For an agent that gives up a guest when it is silent. */
typedef struct shoji_agent_silence_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* From now on no silence of a paused VM counts: calls under way wait on. The structure is
   * copied. At most once for an agent. */
  int32_t (*excuse)(shoji_agent *agent, const shoji_silence *silence, shoji_error *err);
} shoji_agent_silence_v1;

#ifdef __cplusplus
}
#endif
#endif

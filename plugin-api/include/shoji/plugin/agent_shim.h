/* Optional interface of an agent: streams that shims claim by a token.
 *
 * Purpose   Where the agent itself carries no streams, the shim of a process fetches them
 *           elsewhere, as that of cc-proxy does. The agent knows where, and the secret that goes
 *           with it; it is handed to the shim as shoji_shim_params.token.
 * Order     An agent that has this interface wants the shim before the process:
 *           create_container, token, the shim, start_container; and token, the shim,
 *           exec_process. The process begins when its shim has claimed the streams.
 * Threads   [any]: calls of several threads run side by side on one handle.
 * Errors    As of every call to an agent (agent.h).
 * Since     ABI 1, all slots.
 * Example
 *     const shoji_agent_shim_v1 *s = agent->get_extension(a, SHOJI_AGENT_SHIM_V1);
 *     if (SHOJI_HAS_SLOT(shoji_agent_shim_v1, s, token)) s->token(a, call, ref, &sink, err);
 */
#ifndef SHOJI_PLUGIN_AGENT_SHIM_H_
#define SHOJI_PLUGIN_AGENT_SHIM_H_

#include "agent.h"
#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_AGENT_SHIM_V1 "shoji.agent.shim/1"

/* What a shim needs to know. */
typedef struct shoji_agent_shim_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Writes the token of a process that is about to begin; at most 4 KiB, not empty. Of one
   * process the same each time, as long as it has not begun. NOT_FOUND for the container. */
  int32_t (*token)(shoji_agent *agent, const shoji_call *call, shoji_process_ref process,
                   const shoji_sink *ret_token, shoji_error *err);
} shoji_agent_shim_v1;

#ifdef __cplusplus
}
#endif
#endif

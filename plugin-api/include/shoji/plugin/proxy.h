/* Kind "proxy": brings many connections to the one channel of a guest agent.
 *
 * Purpose   An agent on virtio-serial has one byte pipe. The proxy multiplexes it
 *           (yamux), in a process of its own or inside the caller. An agent on
 *           vsock needs none; its proxy hands out plain connections.
 * Lifecycle start -> connect, connect, ... -> stop. save_state()/attach() move the
 *           knowledge to another process. release() drops our side; what runs in a
 *           process of its own runs on.
 * Threads   [any] unless tagged.
 * Errors    CANCELLED and DEADLINE_EXCEEDED of every call that takes one; UNAVAILABLE when the
 *           proxy or the guest is gone; DATA_LOSS for a state that cannot be read.
 * Since     ABI 1, all slots.
 * Example   proxy->start(plugin, opts, call, &params, &p, err);
 *           proxy->connect(p, call, &fd, err);  // speak HTTP/2 on fd
 */
#ifndef SHOJI_PLUGIN_PROXY_H_
#define SHOJI_PLUGIN_PROXY_H_

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_PROXY_V1 "shoji.proxy/1"

typedef struct shoji_proxy shoji_proxy;

/* The channel to be shared. */
typedef struct shoji_proxy_params {
  uint32_t struct_size;
  uint32_t flags; /* none yet: 0 */
  shoji_str sandbox_id;
  shoji_str run_dir;     /* existing directory, 0700; the proxy's socket goes here */
  shoji_str agent_url;   /* of shoji_hypervisor_v1.agent_endpoint */
  shoji_str console_url; /* may be empty: nobody watches the console */
} shoji_proxy_params;

/* The table of shoji.proxy/1. */
typedef struct shoji_proxy_v1 {
  uint32_t struct_size;
  uint32_t reserved0;

  /* Starts the proxy; does not wait for the guest. INVALID_ARGUMENT for a URL it
   * cannot speak to; UNAVAILABLE when nothing listens there. */
  int32_t (*start)(void *plugin, const shoji_options *options, const shoji_call *call,
                   const shoji_proxy_params *params, shoji_proxy **ret_proxy, shoji_error *err);

  /* Gives a connected stream socket on which the agent's gRPC (HTTP/2, clear text)
   * is spoken. May block until the guest's channel is there. UNAVAILABLE when proxy
   * or guest is gone. */
  int32_t (*connect)(shoji_proxy *proxy, const shoji_call *call, int32_t *ret_fd, shoji_error *err);

  /* Process id of the proxy (the caller's own when built in, 0 when there is none)
   * and the URL where others reach it (may be empty). */
  int32_t (*info)(shoji_proxy *proxy, int32_t *ret_pid, const shoji_sink *ret_url,
                  shoji_error *err);

  /* Writes a blob for attach(). At most 4 KiB. */
  int32_t (*save_state)(shoji_proxy *proxy, const shoji_sink *ret_state, shoji_error *err);

  /* Makes a handle in this process. If the process that held the channel is gone and
   * the proxy is built in, this process takes the channel over. */
  int32_t (*attach)(void *plugin, const shoji_options *options, const shoji_call *call,
                    shoji_str state, shoji_proxy **ret_proxy, shoji_error *err);

  /* [init] Ends the proxy, removes its socket, drops the handle. Idempotent in
   * effect: success on what is gone. */
  int32_t (*stop)(shoji_proxy *proxy, const shoji_call *call, shoji_error *err);

  /* [init] Drops the handle only. */
  void (*release)(shoji_proxy *proxy);

  /* Non-zero while the proxy reads the guest console. */
  int32_t (*console_watched)(shoji_proxy *proxy);
} shoji_proxy_v1;

#ifdef __cplusplus
}
#endif
#endif

/* Kind "network": joins a sandbox's VM to the network namespace of its pod.
 *
 * Purpose   An engine makes a network namespace with interfaces in it. A network
 *           plugin puts the VM behind each of them (tap device, tc filter, bridge,
 *           macvtap, ...) and says how the guest must configure its side.
 * Lifecycle open -> join -> leave -> close. save_state()/attach() move the knowledge
 *           to another process. close_link() drops the handle and leaves the
 *           network as it is; leave() undoes everything join() did.
 * Threads   [any] unless tagged. A slot that enters a namespace does so in a thread
 *           of its own or puts the calling thread back before it returns.
 * Errors    CANCELLED and DEADLINE_EXCEEDED of every call that takes one; NOT_FOUND for a
 *           namespace or interface that is gone; UNKNOWN with errno for what the kernel
 *           refuses.
 * Since     ABI 1, all slots.
 * Example
 *     net->join(n, call, &params, &link, err);
 *     for (uint32_t i = 0; net->nic(link, i, &nic) == SHOJI_OK; ++i)
 *       attach_to_vm(&nic);
 *     net->guest_config(link, &sink, err);   // JSON for the agent
 */
#ifndef SHOJI_PLUGIN_NETWORK_H_
#define SHOJI_PLUGIN_NETWORK_H_

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_NETWORK_V1 "shoji.network/1"
#define SHOJI_NETWORK_INTERFACE_V1 "shoji.network.interface/1"

typedef struct shoji_network shoji_network;           /* one configured plugin */
typedef struct shoji_network_link shoji_network_link; /* one sandbox, joined */

/* The sandbox that joins. */
typedef struct shoji_network_params {
  uint32_t struct_size;
  uint32_t flags; /* none yet: 0 */
  shoji_str sandbox_id;
  shoji_str netns;   /* path of the namespace, e.g. /run/netns/pod or /proc/PID/ns/net;
                        empty: no network */
  shoji_str run_dir; /* an existing directory of the sandbox, 0700 */
  uint32_t queues;   /* queue pairs wanted for each interface, at least 1 */
  uint32_t reserved0;
} shoji_network_params;

#define SHOJI_NIC_MAX_QUEUES 16u

/* One interface for the VM. Texts and descriptors belong to the link and are valid
 * until leave() or close_link(). */
typedef struct shoji_nic {
  uint32_t struct_size;
  uint32_t queues; /* valid entries of the arrays below */
  shoji_str id;    /* stable name within the sandbox, e.g. the host interface's */
  shoji_str mac;   /* "02:00:00:00:00:01" */
  uint32_t mtu;    /* bytes; 0: default */
  uint32_t reserved0;
  int32_t tap_fds[SHOJI_NIC_MAX_QUEUES];   /* a tap queue each */
  int32_t vhost_fds[SHOJI_NIC_MAX_QUEUES]; /* /dev/vhost-net each, or -1: no vhost */
} shoji_nic;

/* Limits of one interface, as seen by the guest. 0: no limit. */
typedef struct shoji_network_limits {
  uint32_t struct_size;
  uint32_t reserved0;
  uint64_t rx_bytes_per_s;      /* average, towards the guest */
  uint64_t rx_burst_bytes;      /* what may be taken at once above it */
  uint64_t rx_peak_bytes_per_s; /* while the burst lasts */
  uint64_t tx_bytes_per_s;      /* from the guest */
  uint64_t tx_burst_bytes;
  uint64_t tx_peak_bytes_per_s;
} shoji_network_limits;

/* The table of shoji.network/1. */
typedef struct shoji_network_v1 {
  uint32_t struct_size;
  uint32_t reserved0;

  /* [any] Opens the plugin with its options; touches no interface. *ret_network is
   * released by close(). Errors: FAILED_PRECONDITION with detail "reason" = "skip"
   * when this machine cannot (no tun device, no tc). */
  int32_t (*open)(void *plugin, const shoji_options *options, shoji_network **ret_network,
                  shoji_error *err);
  /* [init] All links are closed before. */
  void (*close)(shoji_network *network);

  /* [any] Joins: finds the interfaces of the namespace and puts the VM behind them.
   * On failure the namespace is as it was. Joining twice with the same sandbox id is
   * ALREADY_EXISTS. *ret_link is released by close_link() or leave(). Errors:
   * NOT_FOUND for the namespace, PERMISSION_DENIED, FAILED_PRECONDITION for an
   * interface that the model cannot serve. */
  int32_t (*join)(shoji_network *network, const shoji_call *call,
                  const shoji_network_params *params, shoji_network_link **ret_link,
                  shoji_error *err);

  /* [any] Fills *ret_nic with interface `index`; OUT_OF_RANGE (no message needed)
   * past the last one. Order is stable for the life of the link. */
  int32_t (*nic)(shoji_network_link *link, uint32_t index, shoji_nic *ret_nic);

  /* [any] Writes what the guest must set, as JSON with the field names of Kata's
   * types.Interface, types.Route and types.ARPNeighbor:
   * {"interfaces":[...],"routes":[...],"neighbors":[...]}. */
  int32_t (*guest_config)(shoji_network_link *link, const shoji_call *call,
                          const shoji_sink *ret_json, shoji_error *err);

  /* [instance] Sets the limits of interface `nic_id`, replacing earlier ones.
   * Idempotent. NOT_FOUND for the interface; UNIMPLEMENTED for a limit the model
   * cannot keep, with nothing changed. */
  int32_t (*limit)(shoji_network_link *link, const shoji_call *call, shoji_str nic_id,
                   const shoji_network_limits *limits, shoji_error *err);

  /* [any] Writes a blob for attach(). At most 16 KiB. */
  int32_t (*save_state)(shoji_network_link *link, const shoji_sink *ret_state, shoji_error *err);

  /* [any] Makes a handle in this process. Descriptors of queues that only the first
   * process held are -1 in it. NOT_FOUND when nothing of it is left (the handle is made
   * all the same and *ret_link set, so that leave() can clean up); DATA_LOSS for a
   * blob it cannot read. */
  int32_t (*attach)(shoji_network *network, const shoji_call *call, shoji_str state,
                    shoji_network_link **ret_link, shoji_error *err);

  /* [init] Drops the handle only. */
  void (*close_link)(shoji_network_link *link);

  /* [init] Undoes join() and drops the handle, in any case. Idempotent in effect:
   * success on what is gone, also when the namespace is. */
  int32_t (*leave)(shoji_network_link *link, const shoji_call *call, shoji_error *err);

  /* [any] The table of an optional interface, or NULL. */
  const void *(*get_extension)(shoji_network_link *link, const char *id);
} shoji_network_v1;

/* Interfaces that come and go while the sandbox runs. */
typedef struct shoji_network_interface_v1 {
  uint32_t struct_size;
  uint32_t reserved0;

  /* [instance] Puts the VM behind one more interface of the namespace, `name`. *ret_nic is
   * filled as by nic(), and guest_config() knows it from now on. On failure the interface
   * is as it was. ALREADY_EXISTS when it is joined; NOT_FOUND. */
  int32_t (*add)(shoji_network_link *link, const shoji_call *call, shoji_str name,
                 shoji_nic *ret_nic, shoji_error *err);

  /* [instance] Undoes what add() or join() did for interface `nic_id`. Success when there
   * is none. */
  int32_t (*remove)(shoji_network_link *link, const shoji_call *call, shoji_str nic_id,
                    shoji_error *err);
} shoji_network_interface_v1;

#ifdef __cplusplus
}
#endif
#endif

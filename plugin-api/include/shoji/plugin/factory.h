/* Kind "factory": delivers running VMs, whatever way they are made.
 *
 * Purpose   NewVM(config) of the design: boot one, clone a template, or take one
 *           from a cache. Whatever way, the VM that comes back runs, its agent has
 *           answered, its random pool is fresh and its clock is right.
 * How       A factory finds hypervisor, proxy and agent plugins through the host
 *           service shoji.plugins/1 and gives back their handles.
 * Threads   [any].
 * Errors    CANCELLED and DEADLINE_EXCEEDED of every call; those of the plugins that a factory
 *           calls come back as they are. INVALID_ARGUMENT for a request, FAILED_PRECONDITION
 *           on a host without shoji.plugins/1.
 * Since     ABI 1, all slots.
 * Beside    shoji.factory.server/1 (factory_server.h), which a factory may offer too.
 * Example   factory->new_vm(f, call, &request, &vm, err);
 */
#ifndef SHOJI_PLUGIN_FACTORY_H_
#define SHOJI_PLUGIN_FACTORY_H_

#include "agent.h"
#include "base.h"
#include "hypervisor.h"
#include "proxy.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_FACTORY_V1 "shoji.factory/1"

typedef struct shoji_factory shoji_factory;

/* The VM that is wanted, and the plugins to make it with. */
typedef struct shoji_vm_request {
  uint32_t struct_size;
  uint32_t flags;          /* none yet: 0 */
  shoji_str hypervisor_id; /* plugin ids; empty: the configured one */
  shoji_str proxy_id;
  shoji_str agent_id;
  shoji_hypervisor *hypervisor; /* opened by the host, borrowed for the life of the VM */
  const shoji_vm_config *config;
} shoji_vm_request;

#define SHOJI_NEW_VM_CLONED 0x1u /* made from a template or cache */

/* The VM was made in advance, under an id of its own and with a share of its own. Its
 * directory is now `held/<that id>` beside the run_dir of the request, and the path it was
 * made with, <run directory>/factory/<that id>, a symbolic link to there: who ends the VM
 * removes both. In it `mounts` is a shared mount: what is mounted there, or on a mount of its
 * peer group, shows in the guest's share. Processes of the VM are marked with that id.
 * Since minor 2. */
#define SHOJI_NEW_VM_HELD 0x2u

/* Three handles, now the receiver's: release each through its own table. The agent
 * reaches the guest through the proxy, so close the agent first. */
typedef struct shoji_new_vm {
  uint32_t struct_size;
  uint32_t flags; /* SHOJI_NEW_VM_* */
  shoji_vm *vm;
  shoji_proxy *proxy;
  shoji_agent *agent;
  uint32_t boot_vcpus; /* what the VM was made with, where that is not what was asked for; the
                          host plugs the rest. 0: as asked. Since minor 2 */
  uint32_t reserved0;
  uint64_t boot_memory_bytes; /* the same. Since minor 2 */
} shoji_new_vm;

/* The table of shoji.factory/1. */
typedef struct shoji_factory_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Opens the factory with its options; makes no VM yet. *ret_factory is released by
   * close(). */
  int32_t (*open)(void *plugin, const shoji_options *options, shoji_factory **ret_factory,
                  shoji_error *err);
  /* [init] Drops the handle. VMs that were handed out go on. */
  void (*close)(shoji_factory *factory);

  /* NewVM: a running VM with a live agent. On failure nothing of it is left, and the
   * error is that of the step that failed, with the hypervisor's last words. */
  int32_t (*new_vm)(shoji_factory *factory, const shoji_call *call, const shoji_vm_request *request,
                    shoji_new_vm *ret_vm, shoji_error *err);

  /* Writes JSON: {"ready": count of prepared VMs, "detail": text}. */
  int32_t (*status)(shoji_factory *factory, const shoji_call *call, const shoji_sink *ret_json,
                    shoji_error *err);

  /* Removes what was prepared in advance (template, cached VMs). Idempotent. */
  int32_t (*destroy)(shoji_factory *factory, const shoji_call *call, shoji_error *err);
} shoji_factory_v1;

#ifdef __cplusplus
}
#endif
#endif

/* Optional interface of kind "factory": what is made in advance.
 *
 * Purpose   A factory that keeps something ready (a template, VMs that wait) makes it
 *           here instead of on the first new_vm(), and may hand VMs to other
 *           processes. Asked for like SHOJI_FACTORY_V1; the handle is the same.
 * Request   As for new_vm(), of a VM as sandboxes ask for when they ask for nothing
 *           else. There is no such VM yet: `config` has neither id nor run_dir, no
 *           devices, and its shares have tags and flags but no host_path.
 * Threads   [any].
 * Errors    CANCELLED and DEADLINE_EXCEEDED of every call; INVALID_ARGUMENT for a
 *           request; FAILED_PRECONDITION when this machine or the hypervisor cannot;
 *           those of the plugins that a factory calls come back as they are.
 * Since     ABI 1 minor 2, all slots.
 * Example   server->prepare(f, call, &request, err);
 */
#ifndef SHOJI_PLUGIN_FACTORY_SERVER_H_
#define SHOJI_PLUGIN_FACTORY_SERVER_H_

#include "factory.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_FACTORY_SERVER_V1 "shoji.factory.server/1"

/* The table of shoji.factory.server/1. A slot that a factory does not need is NULL. */
typedef struct shoji_factory_server_v1 {
  uint32_t struct_size;
  uint32_t reserved0;

  /* Makes ready now what new_vm() would make on its first use; returns when it is there.
   * Success when it is already. What it makes stays with the factory (a template) or with
   * this process (VMs that wait: until close() or destroy()). */
  int32_t (*prepare)(shoji_factory *factory, const shoji_call *call,
                     const shoji_vm_request *request, shoji_error *err);

  /* Keeps VMs ready and gives them to other processes that ask at the unix socket
   * `socket_path` (empty: the configured one). Returns SHOJI_OK when one of them asked it
   * to end, CANCELLED when the caller did; in both cases socket and waiting VMs are gone.
   * ALREADY_EXISTS when another process serves there. */
  int32_t (*serve)(shoji_factory *factory, const shoji_call *call, const shoji_vm_request *request,
                   shoji_str socket_path, shoji_error *err);
} shoji_factory_server_v1;

#ifdef __cplusplus
}
#endif
#endif

/* Kind "hypervisor": makes, runs and ends virtual machines.
 *
 * Purpose   One plugin drives one VMM (QEMU, ...). The required interface is what
 *           every VMM can do; everything else (hotplug, pause, snapshot, console,
 *           statistics) is an optional interface of its own, asked for per VM with
 *           get_extension().
 * Lifecycle create -> start -> stop -> destroy. save_state() at any time after
 *           create() gives bytes from which attach(), in this or another process,
 *           makes an equal handle while the VM lives on. close() drops the handle
 *           and leaves the VM alone; destroy() also removes every trace of it.
 * Threads   [instance] unless tagged.
 * Errors    CANCELLED and DEADLINE_EXCEEDED of every call that takes one; UNAVAILABLE when the
 *           VM is gone; FAILED_PRECONDITION for a call in the wrong state; UNKNOWN for what
 *           the VMM answers and nobody can name better.
 * Since     ABI 1, all slots.
 * Example
 *     hv->create(h, call, &config, &vm, err);
 *     hv->start(vm, call, err);              // returns when the vCPUs run
 *     hv->agent_endpoint(vm, &sink, err);    // "unix:///run/.../kata.sock"
 *     hv->stop(vm, call, 0, err);
 *     hv->destroy(vm, call, err);
 */
#ifndef SHOJI_PLUGIN_HYPERVISOR_H_
#define SHOJI_PLUGIN_HYPERVISOR_H_

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_HYPERVISOR_V1 "shoji.hypervisor/1"

typedef struct shoji_hypervisor shoji_hypervisor; /* one configured VMM */
typedef struct shoji_vm shoji_vm;                 /* one virtual machine */

#define SHOJI_SHARE_READONLY 0x1u

/* A directory of the host that the guest can mount under `tag`. */
typedef struct shoji_share {
  uint32_t struct_size;
  uint32_t flags; /* SHOJI_SHARE_* */
  shoji_str tag;
  shoji_str host_path; /* absolute, exists */
} shoji_share;

struct shoji_device; /* hypervisor_hotplug.h */

/* The guest's memory is the file `memory_path`, mapped shared, so that a snapshot can leave
 * it out and clones map it privately (shoji.hypervisor.snapshot/1). */
#define SHOJI_VM_MEMORY_FILE 0x1u

/* A VM before it runs. A plugin that knows nothing past `flags` refuses flags it does not
 * know; devices it did not see are attached to it afterwards. */
typedef struct shoji_vm_config {
  uint32_t struct_size;
  uint32_t vcpus;          /* at boot, at least 1 */
  uint64_t memory_bytes;   /* at boot */
  shoji_str id;            /* [A-Za-z0-9_.-]{1,64} */
  shoji_str run_dir;       /* an existing directory of mode 0700 for sockets and logs
                              of this VM alone; the plugin empties what it put there */
  shoji_str kernel;        /* absolute path; uncompressed ELF (PVH) or bzImage */
  shoji_str initrd;        /* absolute path */
  shoji_str kernel_params; /* appended after the plugin's own */
  const shoji_share *const *shares;
  uint32_t share_count;
  uint32_t flags;        /* SHOJI_VM_* */
  shoji_str image;       /* absolute path of a disk with the guest's root file system, given
                            read-only; empty: the initrd is all there is. Since minor 1 */
  shoji_str memory_path; /* with SHOJI_VM_MEMORY_FILE: a file that the plugin makes, or
                            for restore() the saved VM's. Since minor 1 */
  const struct shoji_device *const *devices; /* there from the start; afterwards the same as
                                                attached ones: attach() of one again answers
                                                where the guest finds it. Since minor 1 */
  uint32_t device_count;
  uint32_t reserved0;
} shoji_vm_config;

#define SHOJI_VM_STOP_FORCE 0x1u /* at once, without asking the VMM first */

/* The table of shoji.hypervisor/1. */
typedef struct shoji_hypervisor_v1 {
  uint32_t struct_size;
  uint32_t reserved0;

  /* [any] Opens the hypervisor with its options. No process is started. */
  int32_t (*open)(void *plugin, const shoji_options *options, shoji_hypervisor **ret_hypervisor,
                  shoji_error *err);
  /* [init] All VM handles are closed before. */
  void (*close)(shoji_hypervisor *hypervisor);

  /* [any] Can this machine run VMs with this hypervisor? Writes JSON: an array of
   * {"item","ok","detail","advice"}; what is ok and has advice could be better.
   * FAILED_PRECONDITION with detail "reason" = "skip" when it cannot; the report is
   * written in both cases. */
  int32_t (*check)(shoji_hypervisor *hypervisor, const shoji_call *call, const shoji_sink *ret_json,
                   shoji_error *err);

  /* [any] Validates and stores the configuration; starts nothing.
   * INVALID_ARGUMENT names the field, its value and what is allowed; NOT_FOUND for
   * a missing kernel, initrd, share or VMM binary. *ret_vm is released by close_vm()
   * or destroy(). */
  int32_t (*create)(shoji_hypervisor *hypervisor, const shoji_call *call,
                    const shoji_vm_config *config, shoji_vm **ret_vm, shoji_error *err);

  /* Starts the VMM and the vCPUs; returns when the VMM's control channel answers
   * and the guest executes. On failure nothing of it is left running, and the
   * message carries the VMM's own last words. */
  int32_t (*start)(shoji_vm *vm, const shoji_call *call, shoji_error *err);

  /* Ends the VM and returns when its process is gone. Idempotent. */
  int32_t (*stop)(shoji_vm *vm, const shoji_call *call, uint32_t flags, shoji_error *err);

  /* [any] A descriptor that is readable once the VM is gone, however it went.
   * Borrowed: valid until close_vm() or destroy(). -1 before start(). */
  int32_t (*wait_fd)(shoji_vm *vm);

  /* [any] Writes the process ids of the VM as decimal text, '\n' between them, the
   * VMM first. Empty when not running. */
  int32_t (*pids)(shoji_vm *vm, const shoji_sink *ret_pids, shoji_error *err);

  /* [any] Writes the URL of the agent's channel:
   *   unix:///path       virtio-serial, yamux inside, one client at a time
   *   vsock://cid:port   plain
   *   hvsock://path:port plain after "CONNECT port" */
  int32_t (*agent_endpoint)(shoji_vm *vm, const shoji_sink *ret_url, shoji_error *err);

  /* [any] Writes what is known of why the VM ended or does not answer: the VMM's
   * last error lines and the guest console's. May write nothing. */
  int32_t (*last_words)(shoji_vm *vm, const shoji_sink *ret_text, shoji_error *err);

  /* [any] Writes a blob for attach(). At most 64 KiB. */
  int32_t (*save_state)(shoji_vm *vm, const shoji_sink *ret_state, shoji_error *err);

  /* [any] Makes a handle for a VM that another process may have created. NOT_FOUND
   * when the VM's process is gone (the handle is made all the same and *ret_vm set,
   * so that destroy() can clean up). DATA_LOSS for a blob it cannot read. */
  int32_t (*attach)(shoji_hypervisor *hypervisor, const shoji_call *call, shoji_str state,
                    shoji_vm **ret_vm, shoji_error *err);

  /* [init] Drops the handle; the VM goes on. */
  void (*close_vm)(shoji_vm *vm);

  /* [init] Stops the VM by force if it runs, removes what it left (sockets, logs)
   * and drops the handle. Succeeds on what is gone; the handle is gone in any case. */
  int32_t (*destroy)(shoji_vm *vm, const shoji_call *call, shoji_error *err);

  /* [any] The table of an optional interface this VM offers, or NULL. */
  const void *(*get_extension)(shoji_vm *vm, const char *id);
} shoji_hypervisor_v1;

#ifdef __cplusplus
}
#endif
#endif

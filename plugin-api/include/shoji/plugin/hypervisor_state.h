/* Optional interfaces of a VM: pause, snapshot, console, statistics.
 *
 * Purpose   Small tables, each asked for with shoji_hypervisor_v1.get_extension().
 *           A plugin answers only what this VM can really do on this machine.
 * Threads   [instance] unless tagged.
 * Errors    As of every call on a VM (hypervisor.h).
 * Since     ABI 1, all slots but those that say otherwise.
 * Example
 *     const shoji_hypervisor_pause_v1 *p = hv->get_extension(vm, SHOJI_HYPERVISOR_PAUSE_V1);
 *     if (SHOJI_HAS_SLOT(shoji_hypervisor_pause_v1, p, pause)) p->pause(vm, call, err);
 */
#ifndef SHOJI_PLUGIN_HYPERVISOR_STATE_H_
#define SHOJI_PLUGIN_HYPERVISOR_STATE_H_

#include "base.h"
#include "hypervisor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_HYPERVISOR_PAUSE_V1 "shoji.hypervisor.pause/1"
#define SHOJI_HYPERVISOR_SNAPSHOT_V1 "shoji.hypervisor.snapshot/1"
#define SHOJI_HYPERVISOR_CONSOLE_V1 "shoji.hypervisor.console/1"
#define SHOJI_HYPERVISOR_STATS_V1 "shoji.hypervisor.stats/1"

/* Stops a VM and lets it go on. */
typedef struct shoji_hypervisor_pause_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Stops the vCPUs; returns when none runs. Success when paused already. */
  int32_t (*pause)(shoji_vm *vm, const shoji_call *call, shoji_error *err);
  /* Lets them run again. Success when running already. The guest's clock stood still
   * meanwhile: setting it is the host's work. */
  int32_t (*resume)(shoji_vm *vm, const shoji_call *call, shoji_error *err);
} shoji_hypervisor_pause_v1;

#define SHOJI_SNAPSHOT_SHARED_MEMORY                    \
  0x1u /* the memory file is left out of the state: the \
          VM was created with it, and clones map it     \
          privately */

/* The state of a VM as files. */
typedef struct shoji_hypervisor_snapshot_v1 {
  uint32_t struct_size;
  uint32_t reserved0;

  /* Writes the whole state of a paused VM into directory `dir` (exists, empty), so that
   * restore() on this or another machine with the same VMM makes an equal one. The VM
   * stays paused. On failure `dir` is empty again. Errors: FAILED_PRECONDITION when it
   * is not paused or has a device that cannot be saved (names it),
   * RESOURCE_EXHAUSTED for the disk. */
  int32_t (*save)(shoji_vm *vm, const shoji_call *call, shoji_str dir, uint32_t flags,
                  shoji_error *err);

  /* [any] Like create() + start(), from the state in `dir`, which is only read: several
   * VMs may be restored from one directory. *ret_vm is paused. `config` names the id,
   * run_dir and shares of the new VM; the rest must equal the saved VM's, else
   * INVALID_ARGUMENT names the field. DATA_LOSS for a state that is incomplete. */
  int32_t (*restore)(shoji_hypervisor *hypervisor, const shoji_call *call, shoji_str dir,
                     const shoji_vm_config *config, uint32_t flags, shoji_vm **ret_vm,
                     shoji_error *err);

  /* Returns when the guest's agent has opened its channel, at once when it has already. No
   * byte is sent on the channel: a VM that is saved then was never talked to, and each of
   * its clones can be. NULL or UNIMPLEMENTED: it cannot be known. UNAVAILABLE when the VM
   * ends before. Since minor 1. */
  int32_t (*await_agent_port)(shoji_vm *vm, const shoji_call *call, shoji_error *err);
} shoji_hypervisor_snapshot_v1;

/* The guest's console. */
typedef struct shoji_hypervisor_console_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* [any] Connects to the guest's console: *ret_fd (owned by the receiver) is a stream
   * of its output and takes input. One reader at a time: ABORTED while another has
   * it. The guest never waits for a reader. */
  int32_t (*open_console)(shoji_vm *vm, const shoji_call *call, int32_t *ret_fd, shoji_error *err);
} shoji_hypervisor_console_v1;

/* Counters since the VM started. */
typedef struct shoji_vm_stats {
  uint32_t struct_size;
  uint32_t vcpus;
  uint64_t cpu_ns;         /* CPU time of the vCPU threads */
  uint64_t vmm_cpu_ns;     /* of all other threads of the VMM */
  uint64_t resident_bytes; /* of the VMM's processes */
  uint64_t block_read_bytes;
  uint64_t block_write_bytes;
} shoji_vm_stats;

/* What a VM uses. */
typedef struct shoji_hypervisor_stats_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* [any] UNAVAILABLE when the VM does not run. */
  int32_t (*stats)(shoji_vm *vm, const shoji_call *call, shoji_vm_stats *ret_stats,
                   shoji_error *err);
} shoji_hypervisor_stats_v1;

#ifdef __cplusplus
}
#endif
#endif

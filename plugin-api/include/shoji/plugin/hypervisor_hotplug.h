/* Optional interfaces of a VM: devices and size, changed while it runs.
 *
 * Purpose   shoji.hypervisor.hotplug/1 attaches and detaches devices,
 *           shoji.hypervisor.resize/1 changes vCPUs and memory,
 *           shoji.hypervisor.shares/1 tells how the guest mounts a shared directory.
 *           A plugin answers get_extension() with a table only for what this VM can
 *           really do.
 * Threads   [instance]: the host makes one such call on a VM at a time.
 * Errors    As of every call on a VM (hypervisor.h).
 * Since     ABI 1, all slots.
 * Example
 *     const shoji_hypervisor_hotplug_v1 *hot =
 *         hv->get_extension(vm, SHOJI_HYPERVISOR_HOTPLUG_V1);
 *     if (SHOJI_HAS_SLOT(shoji_hypervisor_hotplug_v1, hot, attach))
 *       hot->attach(vm, call, &disk, &sink, err);
 */
#ifndef SHOJI_PLUGIN_HYPERVISOR_HOTPLUG_H_
#define SHOJI_PLUGIN_HYPERVISOR_HOTPLUG_H_

#include "base.h"
#include "hypervisor.h"
#include "network.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_HYPERVISOR_HOTPLUG_V1 "shoji.hypervisor.hotplug/1"
#define SHOJI_HYPERVISOR_RESIZE_V1 "shoji.hypervisor.resize/1"
#define SHOJI_HYPERVISOR_SHARES_V1 "shoji.hypervisor.shares/1"

#define SHOJI_DEVICE_BLOCK 1u      /* shoji_block_device */
#define SHOJI_DEVICE_NIC 2u        /* shoji_nic */
#define SHOJI_DEVICE_SHARE 3u      /* shoji_share */
#define SHOJI_DEVICE_VSOCK 4u      /* shoji_vsock_device */
#define SHOJI_DEVICE_VFIO 5u       /* shoji_vfio_device */
#define SHOJI_DEVICE_VHOST_USER 6u /* shoji_vhost_user_device */

/* One device: `kind` tells what `detail` points to. */
typedef struct shoji_device {
  uint32_t struct_size;
  uint32_t kind;      /* SHOJI_DEVICE_* */
  shoji_str id;       /* [A-Za-z0-9_.-]{1,64}, unique in the VM */
  const void *detail; /* the struct named beside the kind; begins with its struct_size.
                         For SHARE a shoji_share, for NIC a shoji_nic */
} shoji_device;

#define SHOJI_BLOCK_READONLY 0x1u
#define SHOJI_BLOCK_DIRECT 0x2u   /* past the host's page cache */
#define SHOJI_BLOCK_NO_FLUSH 0x4u /* the guest's flushes are not carried out */
#define SHOJI_BLOCK_SHARED 0x8u   /* several VMs write it */
#define SHOJI_BLOCK_SCSI 0x10u    /* on the SCSI bus instead of a PCI device of its own */

/* Average and burst of a disk; 0: no limit. */
typedef struct shoji_block_limits {
  uint32_t struct_size;
  uint32_t reserved0;
  uint64_t bytes_per_s;
  uint64_t burst_bytes_per_s;
  uint64_t ops_per_s;
  uint64_t burst_ops_per_s;
  uint64_t burst_ms; /* how long a burst may last; 0: one second */
} shoji_block_limits;

/* A disk. */
typedef struct shoji_block_device {
  uint32_t struct_size;
  uint32_t flags;                   /* SHOJI_BLOCK_* */
  shoji_str path;                   /* a file or block device of the host */
  shoji_str format;                 /* "raw" or "qcow2"; empty: "raw" (never guessed) */
  const shoji_block_limits *limits; /* or NULL */
} shoji_block_device;

/* A socket between host and guest. */
typedef struct shoji_vsock_device {
  uint32_t struct_size;
  uint32_t cid; /* 3 or more */
} shoji_vsock_device;

/* A device of the host, handed over as it is. */
typedef struct shoji_vfio_device {
  uint32_t struct_size;
  uint32_t reserved0;
  shoji_str address; /* "0000:03:00.0", or the sysfs path of a mediated device */
} shoji_vfio_device;

/* A device whose back end is another process. */
typedef struct shoji_vhost_user_device {
  uint32_t struct_size;
  uint32_t reserved0;
  shoji_str type;   /* "blk", "scsi", "net" or "fs" */
  shoji_str socket; /* path of the back end's socket */
  shoji_str mac;    /* of "net" */
  shoji_str tag;    /* of "fs" */
} shoji_vhost_user_device;

/* Devices that come and go. */
typedef struct shoji_hypervisor_hotplug_v1 {
  uint32_t struct_size;
  uint32_t reserved0;

  /* Attaches a device to a running VM; returns when the VMM has it. Writes where the
   * guest finds it, as JSON with those of: {"pci_path": "02/05", "scsi_addr": "0:1",
   * "mount_tag": "...", "cid": 3, "path": "/dev/pmem0"}, "path" only where the guest's
   * name of it is certain. Idempotent: the same id with the same content is a
   * success with the same answer, with other content ALREADY_EXISTS. On failure
   * nothing of the device is left in the VM. Errors: INVALID_ARGUMENT (names the
   * field), NOT_FOUND (file, socket), UNIMPLEMENTED (the kind),
   * RESOURCE_EXHAUSTED (no free slot). */
  int32_t (*attach)(shoji_vm *vm, const shoji_call *call, const shoji_device *device,
                    const shoji_sink *ret_json, shoji_error *err);

  /* Takes device `id` away; returns when the guest has let go of it. Success when
   * there is none. DEADLINE_EXCEEDED when the guest does not let go: the device is
   * attached still, and detach may be called again. */
  int32_t (*detach)(shoji_vm *vm, const shoji_call *call, shoji_str id, shoji_error *err);

  /* Replaces the limits of block device `id`; NULL lifts them. Idempotent. NOT_FOUND. */
  int32_t (*limit_block)(shoji_vm *vm, const shoji_call *call, shoji_str id,
                         const shoji_block_limits *limits, shoji_error *err);
} shoji_hypervisor_hotplug_v1;

/* What the VM has and what the guest must switch on. */
typedef struct shoji_vm_size {
  uint32_t struct_size;
  uint32_t vcpus;
  uint32_t max_vcpus;
  uint32_t reserved0;
  uint64_t memory_bytes;
  uint64_t max_memory_bytes;
  uint64_t probe_address; /* guest physical address of memory just added that the guest
                             must be told to probe; 0: it finds it by itself */
} shoji_vm_size;

/* More or less of CPUs and memory. */
typedef struct shoji_hypervisor_resize_v1 {
  uint32_t struct_size;
  uint32_t reserved0;

  /* Writes the present size. */
  int32_t (*size)(shoji_vm *vm, const shoji_call *call, shoji_vm_size *ret_size, shoji_error *err);

  /* Brings the number of vCPUs to `vcpus`, or as near below as the VM can; *ret_size
   * says what was reached. Added ones are for the guest to bring online; those the
   * guest does not let go of stay. Idempotent. INVALID_ARGUMENT above max_vcpus. */
  int32_t (*set_vcpus)(shoji_vm *vm, const shoji_call *call, uint32_t vcpus,
                       shoji_vm_size *ret_size, shoji_error *err);

  /* Brings the memory to `bytes`, rounded up to `block_bytes` (the guest's memory block,
   * from the agent; 0: unknown). *ret_size says what was reached; it may be more.
   * Idempotent. RESOURCE_EXHAUSTED when there is no free slot. */
  int32_t (*set_memory)(shoji_vm *vm, const shoji_call *call, uint64_t bytes, uint64_t block_bytes,
                        shoji_vm_size *ret_size, shoji_error *err);
} shoji_hypervisor_resize_v1;

/* How the guest reaches the shares. A VM without this table has 9p shares over virtio. */
typedef struct shoji_hypervisor_shares_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* [any] Writes how the guest mounts share `tag` (of the configuration, or attached), as
   * JSON with the field names of Kata's grpc.Storage: {"driver": "virtio-fs", "source":
   * "...", "fstype": "virtiofs", "options": [...]}. The mount point is the host's choice.
   * NOT_FOUND. */
  int32_t (*share_mount)(shoji_vm *vm, shoji_str tag, const shoji_sink *ret_json, shoji_error *err);
} shoji_hypervisor_shares_v1;

#ifdef __cplusplus
}
#endif
#endif

/* Shoji plugin ABI, version 1: the words every other header uses.
 *
 * Purpose    A plugin is a shared object that exports one function,
 *            shoji_plugin_open_v1(). The host calls it once, and from then on
 *            both sides find everything else by id: the plugin asks
 *            host->get_service("shoji.log/1"), the host asks
 *            plugin->get_interface("shoji.store/1"). What either side does not
 *            know it answers with NULL.
 *
 * Threads    Each function slot carries one tag in its comment:
 *              [any]       may be called from any thread at any time
 *              [instance]  the host never makes two such calls on one handle at
 *                          the same time
 *              [init]      called once, before or after everything else
 *
 * Growth     Within a major version fields and slots are only appended. Every
 *            struct that may grow begins with `struct_size`, set by whoever
 *            allocates it. A field exists only if SHOJI_HAS() says so. Structs
 *            without `struct_size` (shoji_str) are frozen for ever.
 *
 * Errors     A fallible function returns a SHOJI_* code. On failure it fills the
 *            caller's shoji_error through host->error_set() and leaves every
 *            `ret_` argument untouched. A failing code without a message is a
 *            defect of the plugin.
 *
 * Ownership  Inputs are borrowed until the call returns. Memory is freed by the
 *            side that allocated it; results of unknown size are written to a
 *            shoji_sink of the caller. File descriptors passed in are borrowed,
 *            returned ones belong to the receiver; all are close-on-exec.
 *
 * Example    A plugin in its shortest form:
 *
 *     static const void *find(void *self, const char *id) {
 *       return strcmp(id, SHOJI_STORE_V1) == 0 ? &kMyStore : NULL;
 *     }
 *     static void shutdown(void *self) {}
 *     SHOJI_EXPORT int32_t shoji_plugin_open_v1(const shoji_host *host,
 *                                               shoji_plugin *ret_plugin,
 *                                               shoji_error *err) {
 *       ret_plugin->self = &my_state;
 *       ret_plugin->get_interface = find;
 *       ret_plugin->shutdown = shutdown;
 *       return SHOJI_OK;
 *     }
 *
 * This header is C11 and C++; it needs nothing but the two libc headers below.
 */
#ifndef SHOJI_PLUGIN_BASE_H_
#define SHOJI_PLUGIN_BASE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ABI version these headers describe. A host states the range it serves in
 * shoji_host.abi_min..abi_max; a plugin states the range it needs in its note. */
#define SHOJI_ABI_VERSION 1u

#define SHOJI_EXPORT __attribute__((visibility("default")))

/* True when `ptr` was allocated by a side that knows `field` of `type`. The only
 * allowed way to test for a field that is newer than the first release. */
#define SHOJI_HAS(type, ptr, field) \
  ((ptr) != NULL && (ptr)->struct_size >= offsetof(type, field) + sizeof((ptr)->field))

/* Like SHOJI_HAS(), for a function slot: known and not null. */
#define SHOJI_HAS_SLOT(type, ptr, slot) (SHOJI_HAS(type, ptr, slot) && (ptr)->slot != NULL)

/* Canonical codes; the numbers are gRPC's. */
#define SHOJI_OK 0
#define SHOJI_CANCELLED 1           /* the caller's cancel_fd became readable */
#define SHOJI_UNKNOWN 2             /* an error of a foreign system, no better code */
#define SHOJI_INVALID_ARGUMENT 3    /* wrong whatever the state of the system */
#define SHOJI_DEADLINE_EXCEEDED 4   /* shoji_call.deadline_ns passed */
#define SHOJI_NOT_FOUND 5           /* the thing named does not exist */
#define SHOJI_ALREADY_EXISTS 6      /* exists, with other content */
#define SHOJI_PERMISSION_DENIED 7   /* the caller may not, retry is useless */
#define SHOJI_RESOURCE_EXHAUSTED 8  /* disk, memory, descriptors, quota */
#define SHOJI_FAILED_PRECONDITION 9 /* wrong state; also "this machine cannot" */
#define SHOJI_ABORTED 10            /* lost a race; the whole operation may be tried again */
#define SHOJI_OUT_OF_RANGE 11       /* past the end, e.g. end of a stream */
#define SHOJI_UNIMPLEMENTED 12      /* not offered */
#define SHOJI_INTERNAL 13           /* a defect on the answering side */
#define SHOJI_UNAVAILABLE 14        /* gone or not reachable now; may be tried again */
#define SHOJI_DATA_LOSS 15          /* stored data is torn or unreadable */
#define SHOJI_UNAUTHENTICATED 16    /* credentials missing or wrong */

/* Borrowed bytes. Text is UTF-8 and not zero-terminated. {NULL, 0} is the empty
 * string. Frozen. */
typedef struct shoji_str {
  const char *data;
  uint64_t size; /* bytes */
} shoji_str;

/* An error to be filled; opaque, owned by the caller. Fill it only through
 * host->error_set() and host->error_detail(). May be NULL: nobody asks. */
typedef struct shoji_error shoji_error;

/* Receives a result of unknown size. `write` may be called several times, in
 * order, by the thread that was called; it returns SHOJI_OK or the code with
 * which the callee must give up. */
typedef struct shoji_sink {
  uint32_t struct_size;
  uint32_t reserved0;
  void *ctx;
  int32_t (*write)(void *ctx, const void *data, uint64_t size);
} shoji_sink;

/* What travels with each call that may block. NULL means: no deadline, cannot be
 * cancelled. */
typedef struct shoji_call {
  uint32_t struct_size;
  int32_t cancel_fd;     /* readable = give up with CANCELLED; -1 = none; borrowed */
  int64_t deadline_ns;   /* CLOCK_MONOTONIC, nanoseconds; 0 = none. Past it the callee
                            returns DEADLINE_EXCEEDED within a second */
  shoji_str traceparent; /* W3C trace context of the caller, may be empty */
} shoji_call;

/* One option value, checked by the host against the plugin's declaration. Sizes
 * arrive as decimal bytes, durations as decimal nanoseconds, booleans as "true" or
 * "false", lists with '\n' between the items. */
typedef struct shoji_option {
  shoji_str name;
  shoji_str value;
} shoji_option;

/* All options the plugin declared, defaults filled in. */
typedef struct shoji_options {
  uint32_t struct_size;
  uint32_t count;
  const shoji_option *items;
} shoji_options;

/* The host as the plugin sees it. Valid until shutdown() has returned. */
typedef struct shoji_host {
  uint32_t struct_size;
  uint32_t abi_min; /* oldest plugin ABI this host serves */
  uint32_t abi_max; /* newest */
  uint32_t reserved0;
  void *ctx;                /* pass back where a service asks for it */
  const char *host_version; /* e.g. "0.1.0", zero-terminated */

  /* [any] The table of service `id` ("vendor.name/MAJOR", zero-terminated), or NULL. */
  const void *(*get_service)(const struct shoji_host *host, const char *id);

  /* [any] Sets code, errno (0 = none) and a one-line message; replaces what was
   * there. `err` may be NULL. */
  void (*error_set)(shoji_error *err, int32_t code, int32_t sys_errno, shoji_str message);

  /* [any] Adds a named detail, e.g. "reason" = "skip": this machine cannot do it. */
  void (*error_detail)(shoji_error *err, shoji_str name, shoji_str value);
} shoji_host;

/* The plugin as the host sees it. Allocated by the host, filled by the plugin. */
typedef struct shoji_plugin {
  uint32_t struct_size;
  uint32_t reserved0;
  void *self; /* passed back to each call below */

  /* [any] The table of interface `id`, or NULL. Quick, without side effect. */
  const void *(*get_interface)(void *self, const char *id);

  /* [init] Releases everything; no call follows. May be NULL. */
  void (*shutdown)(void *self);
} shoji_plugin;

/* The one exported function.
 * [init] Returns SHOJI_OK with *ret_plugin filled, or FAILED_PRECONDITION when
 * host->abi_min..abi_max does not include SHOJI_ABI_VERSION. */
typedef int32_t (*shoji_plugin_open_fn)(const shoji_host *host, shoji_plugin *ret_plugin,
                                        shoji_error *err);
#define SHOJI_PLUGIN_OPEN_SYMBOL "shoji_plugin_open_v1"

#ifdef __cplusplus
}
#endif
#endif

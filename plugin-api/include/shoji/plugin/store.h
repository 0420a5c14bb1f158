/* Kind "store": durable key/value records.
 *
 * Purpose  Shoji keeps what it must find again (sandboxes, containers, an index)
 *          in a store. The design's calls are Save, Load, Delete.
 * Keys     UTF-8, 1 to 512 bytes, no NUL, '/' separates; no component is empty,
 *          "." or "..". Anything else is INVALID_ARGUMENT.
 * Values   Bytes, 0 to 16 MiB (SHOJI_STORE_VALUE_MAX); more is INVALID_ARGUMENT.
 * Errors   Of every call: CANCELLED, DEADLINE_EXCEEDED, INVALID_ARGUMENT (key, value),
 *          PERMISSION_DENIED, RESOURCE_EXHAUSTED (disk, quota), UNAVAILABLE (the server or
 *          another holder of the store), DATA_LOSS (what is stored is torn).
 * Since    ABI 1, all slots.
 * Threads  Slots are [any] unless tagged. Several processes may use one store at
 *          the same time.
 * Example  `table->save(h, call, key, value, err)`, then, in another process,
 *          `table->load(h, call, key, &sink, err)` writes the same bytes.
 */
#ifndef SHOJI_PLUGIN_STORE_H_
#define SHOJI_PLUGIN_STORE_H_

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHOJI_STORE_V1 "shoji.store/1"
#define SHOJI_STORE_SCAN_V1 "shoji.store.scan/1"
#define SHOJI_STORE_TXN_V1 "shoji.store.txn/1"
#define SHOJI_STORE_KEY_MAX 512u
#define SHOJI_STORE_VALUE_MAX (16u * 1024u * 1024u)

typedef struct shoji_store shoji_store;

/* The table of shoji.store/1. */
typedef struct shoji_store_v1 {
  uint32_t struct_size;
  uint32_t reserved0;

  /* [any] Opens the store the options name, creating it if it is not there.
   * *ret_store is released by close(). Errors: PERMISSION_DENIED,
   * RESOURCE_EXHAUSTED, DATA_LOSS (there is something else in that place). */
  int32_t (*open)(void *plugin, const shoji_options *options, shoji_store **ret_store,
                  shoji_error *err);
  /* [init] Releases the handle. What was saved stays. */
  void (*close)(shoji_store *store);

  /* Save: stores `value` under `key`, replacing what was there. Durable when it
   * returns: after a crash at any moment the key holds the old value or the new
   * one, whole. Idempotent. */
  int32_t (*save)(shoji_store *store, const shoji_call *call, shoji_str key, shoji_str value,
                  shoji_error *err);
  /* Load: writes the value to `ret_value`. NOT_FOUND if there is none, DATA_LOSS if
   * it is torn. */
  int32_t (*load)(shoji_store *store, const shoji_call *call, shoji_str key,
                  const shoji_sink *ret_value, shoji_error *err);
  /* Delete: removes the key; success if it is not there. Durable like save(). */
  int32_t (*remove)(shoji_store *store, const shoji_call *call, shoji_str key, shoji_error *err);

  /* The table of an optional interface this instance offers ("shoji.store.scan/1"),
   * or NULL. */
  const void *(*get_extension)(shoji_store *store, const char *id);
} shoji_store_v1;

/* Called once for each key, in the thread that called scan(); returns SHOJI_OK to go on.
 * Anything else stops the scan, and scan() returns that code with a message of its own.
 * It must not call the store it is called from. */
typedef int32_t (*shoji_store_visit)(void *ctx, shoji_str key);

/* Optional: keys by prefix. */
typedef struct shoji_store_scan_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Visits each key that begins with `prefix` (which may be empty), in byte order.
   * Keys saved or removed meanwhile may or may not be seen; none is seen twice. */
  int32_t (*scan)(shoji_store *store, const shoji_call *call, shoji_str prefix,
                  shoji_store_visit visit, void *ctx, shoji_error *err);
} shoji_store_scan_v1;

#define SHOJI_STORE_OP_SAVE 0u
#define SHOJI_STORE_OP_REMOVE 1u

/* One change of a transaction. */
typedef struct shoji_store_op {
  uint32_t struct_size;
  uint32_t op; /* SHOJI_STORE_OP_* */
  shoji_str key;
  shoji_str value; /* empty for REMOVE */
} shoji_store_op;

/* Optional: several changes, all or none. */
typedef struct shoji_store_txn_v1 {
  uint32_t struct_size;
  uint32_t reserved0;
  /* Applies all of `ops`, in order. Durable and atomic: after a crash at any
   * moment either all or none are seen, by every process. */
  int32_t (*apply)(shoji_store *store, const shoji_call *call, const shoji_store_op *const *ops,
                   uint32_t count, shoji_error *err);
} shoji_store_txn_v1;

#ifdef __cplusplus
}
#endif
#endif

/* One record, in memory. */
#include "shoji/plugin/store.h"

#include "entry.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("store", "com.example.frozen", "1.0.0", "Example", "MIT")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.store/1", "0")
                          SHOJI_NOTE_OPTION("label", "string", "old", "", "A word"));

struct shoji_store {
  char key[64], value[64];
  uint64_t key_size, value_size;
};
static struct shoji_store the_store;

static int32_t open_store(void* plugin, const shoji_options* options, shoji_store** ret_store,
                          shoji_error* err) {
  (void)plugin;
  if (options != NULL && options->count > 0 && options->items[0].name.size != 5)
    return fail(err, SHOJI_INVALID_ARGUMENT, "an option that was not declared");
  say("the frozen store is open");
  *ret_store = &the_store;
  return SHOJI_OK;
}
static void close_store(shoji_store* store) { (void)store; }

static int32_t save(shoji_store* store, const shoji_call* call, shoji_str key, shoji_str value,
                    shoji_error* err) {
  (void)call;
  if (key.size > sizeof store->key || value.size > sizeof store->value)
    return fail(err, SHOJI_RESOURCE_EXHAUSTED, "64 bytes at most");
  memcpy(store->key, key.data, key.size);
  if (value.size > 0) memcpy(store->value, value.data, value.size);
  store->key_size = key.size;
  store->value_size = value.size;
  return SHOJI_OK;
}
static int is_it(const shoji_store* store, shoji_str key) {
  return store->key_size == key.size && memcmp(store->key, key.data, key.size) == 0;
}
static int32_t load(shoji_store* store, const shoji_call* call, shoji_str key,
                    const shoji_sink* ret_value, shoji_error* err) {
  (void)call;
  if (!is_it(store, key)) return fail(err, SHOJI_NOT_FOUND, "no such record");
  return ret_value->write(ret_value->ctx, store->value, store->value_size);
}
static int32_t drop(shoji_store* store, const shoji_call* call, shoji_str key, shoji_error* err) {
  (void)call;
  (void)err;
  if (is_it(store, key)) store->key_size = 0;
  return SHOJI_OK;
}

static int32_t visit_all(shoji_store* store, const shoji_call* call, shoji_str prefix,
                         shoji_store_visit visit, void* ctx, shoji_error* err) {
  shoji_str key = {store->key, store->key_size};
  int32_t code;
  (void)call;
  if (key.size < prefix.size || key.size == 0) return SHOJI_OK;
  if (prefix.size > 0 && memcmp(key.data, prefix.data, prefix.size) != 0) return SHOJI_OK;
  code = visit(ctx, key);
  return code == SHOJI_OK ? code : fail(err, code, "the caller stopped");
}
static const shoji_store_scan_v1 scan = {sizeof scan, 0, visit_all};
static const void* extension(shoji_store* store, const char* id) {
  (void)store;
  return strcmp(id, SHOJI_STORE_SCAN_V1) == 0 ? &scan : NULL;
}

static const shoji_store_v1 table = {.struct_size = sizeof table,
                                     .open = open_store,
                                     .close = close_store,
                                     .save = save,
                                     .load = load,
                                     .remove = drop,
                                     .get_extension = extension};
ENTRY(SHOJI_STORE_V1, table)

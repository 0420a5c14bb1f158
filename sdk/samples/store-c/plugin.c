/* A store plugin in plain C, made of nothing but the ABI headers and libc.
 *
 * What to look at: the note, the table, get_extension() for what is optional, and
 * shoji_plugin_open_v1() at the end. The other files are an ordinary little store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "records.h"
#include "shoji/plugin/note.h"
#include "shoji/plugin/services.h"

/* clang-format off */
SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("store", "com.example.cstore", "1.0.0", "Example", "Apache-2.0")
    SHOJI_NOTE_ABI("1", "1")
    SHOJI_NOTE_INTERFACE(SHOJI_STORE_V1, "0")
    SHOJI_NOTE_INTERFACE(SHOJI_STORE_SCAN_V1, "0")
    SHOJI_NOTE_OPTION("path", "path", "/var/lib/cstore/records", "",
                      "File that holds the records; its directory exists"));
/* clang-format on */

typedef struct Plugin {
  const shoji_host* host;
} Plugin;

/* A service may be absent: then there is no log, and nothing else changes. */
static void LogOpened(const shoji_store* store) {
  const shoji_log_v1* log = store->host->get_service(store->host, SHOJI_LOG_V1);
  if (!SHOJI_HAS_SLOT(shoji_log_v1, log, write)) return;
  const shoji_str message = {"cstore: opened", strlen("cstore: opened")};
  const shoji_option path = {{"path", strlen("path")}, {store->path, strlen(store->path)}};
  log->write(store->host, SHOJI_LOG_DEBUG, message, &path, 1);
}

static shoji_str OptionValue(const shoji_options* options, const char* name) {
  const shoji_str none = {NULL, 0};
  for (uint32_t i = 0; options != NULL && i < options->count; ++i) {
    const shoji_str given = options->items[i].name;
    if (given.size == strlen(name) && memcmp(given.data, name, strlen(name)) == 0) {
      return options->items[i].value;
    }
  }
  return none;
}

static char* Append(shoji_str text, const char* suffix) {
  const size_t size = (size_t)text.size + strlen(suffix) + 1;
  char* const out = malloc(size);
  if (out != NULL) snprintf(out, size, "%.*s%s", (int)text.size, text.data, suffix);
  return out;
}

static void FreeStore(shoji_store* store) {
  if (store == NULL) return;
  free(store->path);
  free(store->lock_path);
  free(store->new_path);
  free(store->directory);
  free(store);
}

/* NULL when memory is short. */
static shoji_store* MakeStore(const shoji_host* host, shoji_str path) {
  shoji_store* const store = calloc(1, sizeof(*store));
  if (store == NULL) return NULL;
  store->host = host;
  store->path = Append(path, "");
  store->lock_path = Append(path, ".lock");
  store->new_path = Append(path, ".new");
  store->directory = Append(path, "");
  if (store->path != NULL && store->lock_path != NULL && store->new_path != NULL &&
      store->directory != NULL) {
    char* const slash = strrchr(store->directory, '/');
    slash[slash == store->directory ? 1 : 0] = '\0';
    return store;
  }
  FreeStore(store);
  return NULL;
}

static int32_t CheckPath(const Op* op, shoji_str path) {
  if (path.size == 0) return Fail(op, SHOJI_INVALID_ARGUMENT, "option 'path' is empty");
  const int is_file = path.data[0] == '/' && path.data[path.size - 1] != '/';
  if (is_file && path.size < 4000 && memchr(path.data, '\0', (size_t)path.size) == NULL) {
    return SHOJI_OK;
  }
  return Fail(op, SHOJI_INVALID_ARGUMENT,
              "option 'path' is '%.*s'; give the absolute path of a file",
              (int)(path.size < 200 ? path.size : 200), path.data);
}

/* Sees to it that there is a store file, and nothing else, in the place. */
static int32_t PrepareFile(const Op* op, const shoji_store* store) {
  int32_t code = CreateRecords(op, store);
  if (code != SHOJI_OK) return code;
  Reader reader;
  code = OpenReader(op, store, &reader);
  if (code == SHOJI_OK) CloseReader(&reader);
  return code;
}

static int32_t Open(void* plugin, const shoji_options* options, shoji_store** ret_store,
                    shoji_error* err) {
  const Op op = {((const Plugin*)plugin)->host, NULL, err};
  const shoji_str path = OptionValue(options, "path");
  int32_t code = CheckPath(&op, path);
  if (code != SHOJI_OK) return code;
  shoji_store* const store = MakeStore(op.host, path);
  if (store == NULL) return Fail(&op, SHOJI_RESOURCE_EXHAUSTED, "no memory for the store");
  code = PrepareFile(&op, store);
  if (code != SHOJI_OK) {
    FreeStore(store);
    return code;
  }
  LogOpened(store);
  *ret_store = store;
  return SHOJI_OK;
}

static int32_t Save(shoji_store* store, const shoji_call* call, shoji_str key, shoji_str value,
                    shoji_error* err) {
  const Op op = {store->host, call, err};
  int32_t code = CheckKey(&op, key);
  if (code == SHOJI_OK) code = CheckValue(&op, key, value);
  return code == SHOJI_OK ? ChangeRecord(&op, store, key, &value) : code;
}

static int32_t Remove(shoji_store* store, const shoji_call* call, shoji_str key, shoji_error* err) {
  const Op op = {store->host, call, err};
  const int32_t code = CheckKey(&op, key);
  return code == SHOJI_OK ? ChangeRecord(&op, store, key, NULL) : code;
}

static int32_t PutValue(const Op* op, const Reader* reader, const Record* record,
                        const shoji_sink* ret_value) {
  char* value;
  int32_t code = ReadValue(op, reader, record, &value);
  if (code != SHOJI_OK) return code;
  code = ret_value->write(ret_value->ctx, value, record->head.value_size);
  free(value);
  return code == SHOJI_OK ? code : Fail(op, code, "the caller refused the value");
}

static int32_t LoadFrom(const Op* op, Reader* reader, shoji_str key, const shoji_sink* ret_value) {
  Record record;
  int found;
  const int32_t code = Find(op, reader, key, &record, &found);
  if (code != SHOJI_OK) return code;
  if (!found) {
    return Fail(op, SHOJI_NOT_FOUND, "there is no key '%.*s' in %s", (int)key.size, key.data,
                reader->path);
  }
  return PutValue(op, reader, &record, ret_value);
}

static int32_t Load(shoji_store* store, const shoji_call* call, shoji_str key,
                    const shoji_sink* ret_value, shoji_error* err) {
  const Op op = {store->host, call, err};
  int32_t code = CheckKey(&op, key);
  if (code == SHOJI_OK) code = MayGoOn(&op, 0);
  Reader reader;
  if (code == SHOJI_OK) code = OpenReader(&op, store, &reader);
  if (code != SHOJI_OK) return code;
  code = LoadFrom(&op, &reader, key, ret_value);
  CloseReader(&reader);
  return code;
}

static int32_t ScanFrom(const Op* op, Reader* reader, shoji_str prefix, shoji_store_visit visit,
                        void* ctx) {
  for (;;) {
    Record record;
    int found;
    int32_t code = Next(op, reader, &record, &found);
    if (code != SHOJI_OK || !found) return code;
    if (!HasPrefix(KeyOf(&record), prefix)) continue;
    code = visit(ctx, KeyOf(&record));
    if (code != SHOJI_OK) return Fail(op, code, "the caller stopped the scan");
  }
}

static int32_t Scan(shoji_store* store, const shoji_call* call, shoji_str prefix,
                    shoji_store_visit visit, void* ctx, shoji_error* err) {
  const Op op = {store->host, call, err};
  Reader reader;
  int32_t code = MayGoOn(&op, 0);
  if (code == SHOJI_OK) code = OpenReader(&op, store, &reader);
  if (code != SHOJI_OK) return code;
  code = ScanFrom(&op, &reader, prefix, visit, ctx);
  CloseReader(&reader);
  return code;
}

static const void* GetExtension(shoji_store* store, const char* id) {
  static const shoji_store_scan_v1 kScan = {.struct_size = sizeof(kScan), .scan = Scan};
  (void)store;
  return strcmp(id, SHOJI_STORE_SCAN_V1) == 0 ? &kScan : NULL;
}

static const void* GetInterface(void* self, const char* id) {
  static const shoji_store_v1 kStore = {.struct_size = sizeof(kStore),
                                        .open = Open,
                                        .close = FreeStore,
                                        .save = Save,
                                        .load = Load,
                                        .remove = Remove,
                                        .get_extension = GetExtension};
  (void)self;
  return strcmp(id, SHOJI_STORE_V1) == 0 ? &kStore : NULL;
}

SHOJI_EXPORT int32_t shoji_plugin_open_v1(const shoji_host* host, shoji_plugin* ret_plugin,
                                          shoji_error* err);

int32_t shoji_plugin_open_v1(const shoji_host* host, shoji_plugin* ret_plugin, shoji_error* err) {
  const Op op = {host, NULL, err};
  if (host->abi_min > SHOJI_ABI_VERSION || host->abi_max < SHOJI_ABI_VERSION) {
    return Fail(&op, SHOJI_FAILED_PRECONDITION,
                "this plugin needs ABI %u, the host serves %u to %u; install a build of the plugin "
                "for this host",
                SHOJI_ABI_VERSION, host->abi_min, host->abi_max);
  }
  Plugin* const plugin = malloc(sizeof(*plugin));
  if (plugin == NULL) return Fail(&op, SHOJI_RESOURCE_EXHAUSTED, "no memory for the plugin");
  plugin->host = host;
  ret_plugin->self = plugin;
  ret_plugin->get_interface = GetInterface;
  ret_plugin->shutdown = free;
  return SHOJI_OK;
}

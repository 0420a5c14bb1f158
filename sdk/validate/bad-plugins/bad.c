/* A good store with one defect, chosen by a macro BAD_...; each is one that a real plugin had
 * or might have. Without a macro the plugin is good.
 */
#include "shoji/plugin/note.h"
/* Each defect uses but a part of what follows. */
#pragma GCC diagnostic ignored "-Wunused-function"
/* The sample's own entry and note, out of the way: plugin.c becomes a part of this file. */
#undef SHOJI_PLUGIN_NOTE
#define SHOJI_PLUGIN_NOTE(text) struct UnusedNote
#define shoji_plugin_open_v1 GoodOpen
#include "plugin.c"
#undef shoji_plugin_open_v1

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The provocation of the checks error-...: nobody else uses this key. */
#define ODD_KEY "a\nb//c"

static bool IsOdd(shoji_str key) {
  return key.size == strlen(ODD_KEY) && memcmp(key.data, ODD_KEY, strlen(ODD_KEY)) == 0;
}

static shoji_str Words(const char* text) {
  const shoji_str words = {text, strlen(text)};
  return words;
}

static void Say(const shoji_host* host, int32_t level, shoji_str text) {
  const shoji_log_v1* log = host->get_service(host, SHOJI_LOG_V1);
  if (log != NULL) log->write(host, level, text, NULL, 0);
}

/* ---- what a store does wrong ---------------------------------------------- */
static const shoji_store_v1* Good(void) { return GetInterface(NULL, SHOJI_STORE_V1); }

static int32_t Refuse(shoji_store* store, int32_t code, const char* message, shoji_error* err) {
#if defined(BAD_ERROR_NULL)
  if (err == NULL) raise(SIGSEGV); /* what writing to it does */
#endif
  store->host->error_set(err, code, 0, Words(message));
  return code;
}

static int32_t BadSave(shoji_store* store, const shoji_call* call, shoji_str key, shoji_str value,
                       shoji_error* err) {
#if defined(BAD_ERROR_CODE)
  if (IsOdd(key)) return Refuse(store, 99, "not a key", err);
#elif defined(BAD_ERROR_LINES)
  if (IsOdd(key)) return Refuse(store, SHOJI_INVALID_ARGUMENT, "not a key:\n" ODD_KEY, err);
#elif defined(BAD_ERROR_SILENT)
  if (IsOdd(key)) return SHOJI_INVALID_ARGUMENT;
#elif defined(BAD_ERROR_NULL)
  if (IsOdd(key)) return Refuse(store, SHOJI_INVALID_ARGUMENT, "not a key", err);
#elif defined(BAD_REFUSAL)
  if (IsOdd(key)) return Refuse(store, SHOJI_NOT_FOUND, "no such key", err);
#elif defined(BAD_STORE_TORN)
  if (value.size > 5000) value.size -= 1;
#endif
  return Good()->save(store, call, key, value, err);
}

static int32_t BadLoad(shoji_store* store, const shoji_call* call, shoji_str key,
                       const shoji_sink* ret_value, shoji_error* err) {
#if defined(BAD_ERROR_OUTPUT)
  if (IsOdd(key)) ret_value->write(ret_value->ctx, "junk", 4);
#elif defined(BAD_STORE_HANGS)
  if (key.size == 512) pause();
#elif defined(BAD_STORE_CRASHES)
  char name[512];
  memset(name, 0, sizeof(name));
  if (key.size >= sizeof(name)) abort(); /* what a stack protector does */
#endif
  return Good()->load(store, call, key, ret_value, err);
}

static int32_t BadRemove(shoji_store* store, const shoji_call* call, shoji_str key,
                         shoji_error* err) {
#if defined(BAD_STORE_REMOVES_TOO_MUCH)
  /* "x/a" takes "x/a.b" along. */
  char more[SHOJI_STORE_KEY_MAX + 2];
  if (key.size > 2 && key.size < SHOJI_STORE_KEY_MAX && key.data[key.size - 1] == 'a') {
    const int size = snprintf(more, sizeof(more), "%.*s.b", (int)key.size, key.data);
    const shoji_str other = {more, (uint64_t)size};
    Good()->remove(store, NULL, other, NULL);
  }
#elif defined(BAD_STORE_REMOVE_ABSENT)
  Reader reader;
  Record record;
  int found = 0;
  const Op op = {store->host, NULL, NULL};
  if (key.size > 0 && OpenReader(&op, store, &reader) == SHOJI_OK) {
    const int32_t code = Find(&op, &reader, key, &record, &found);
    CloseReader(&reader);
    if (code == SHOJI_OK && !found) return Refuse(store, SHOJI_NOT_FOUND, "no such key", err);
  }
#endif
  return Good()->remove(store, call, key, err);
}

static int32_t BadInstance(void* plugin, const shoji_options* options, shoji_store** ret_store,
                           shoji_error* err) {
  const shoji_host* const host = ((const Plugin*)plugin)->host;
  (void)host;
#if defined(BAD_SERVICE_USE)
  const shoji_dirs_v1* dirs = host->get_service(host, SHOJI_DIRS_V1);
  if (dirs->struct_size < 8) return SHOJI_INTERNAL;
#elif defined(BAD_LOG_LEVEL)
  Say(host, 99, Words("hello"));
#elif defined(BAD_SECRET_LOG)
  Say(host, SHOJI_LOG_DEBUG, OptionValue(options, "token"));
#elif defined(BAD_SECRET_PRINT)
  const shoji_str token = OptionValue(options, "token");
  fprintf(stderr, "bad: token %.*s\n", (int)token.size, token.data);
#elif defined(BAD_INSTANCE_FAILS)
  host->error_set(err, SHOJI_PERMISSION_DENIED, 0, Words("not today"));
  return SHOJI_PERMISSION_DENIED;
#elif defined(BAD_INSTANCE_FD)
  if (open("/dev/null", O_RDONLY) < 0) return SHOJI_INTERNAL;
#endif
  return Good()->open(plugin, options, ret_store, err);
}

static const void* BadExtension(shoji_store* store, const char* id) {
#if defined(BAD_EXTENSION_TABLE)
  static shoji_store_scan_v1 scan;
  const shoji_store_scan_v1* good = Good()->get_extension(store, SHOJI_STORE_SCAN_V1);
  scan = *good;
  scan.reserved0 = 7;
  if (strcmp(id, SHOJI_STORE_SCAN_V1) == 0) return &scan;
#elif defined(BAD_NO_SCAN)
  if (strcmp(id, SHOJI_STORE_SCAN_V1) == 0) return NULL;
#endif
  return Good()->get_extension(store, id);
}

static shoji_store_v1 g_table = {.struct_size = sizeof(g_table),
                                 .open = BadInstance,
                                 .close = FreeStore,
                                 .save = BadSave,
                                 .load = BadLoad,
#if !defined(BAD_TABLE_SLOT)
                                 .remove = BadRemove,
#endif
#if defined(BAD_TABLE_RESERVED)
                                 .reserved0 = 1,
#endif
                                 .get_extension = BadExtension};

/* ---- what a plugin does wrong ---------------------------------------------- */
static const void* BadInterface(void* self, const char* id) {
  (void)self;
#if defined(BAD_ID_PREFIX)
  return strncmp(id, SHOJI_STORE_V1, strlen(SHOJI_STORE_V1)) == 0 ? &g_table : NULL;
#elif defined(BAD_ID_CRASH)
  if (strlen(id) > 1000) abort();
#elif defined(BAD_ID_ANY)
  if (strcmp(id, "com.example.unknown/1") == 0) return &g_table;
#elif defined(BAD_NO_INTERFACE)
  return NULL;
#elif defined(BAD_THREADS)
  static shoji_store_v1 copies[2];
  static int turn;
  copies[0] = copies[1] = g_table;
  if (strcmp(id, SHOJI_STORE_V1) == 0) return &copies[turn ^= 1];
#elif defined(BAD_TABLE_SIZE)
  g_table.struct_size = 8;
#endif
  return strcmp(id, SHOJI_STORE_V1) == 0 ? &g_table : NULL;
}

#if defined(BAD_THREAD)
static void* Forever(void* none) {
  for (;;) pause();
  return none;
}
#endif
#if defined(BAD_SIGNAL)
static void Handle(int number) { (void)number; }
#endif
#if defined(BAD_EXIT)
__attribute__((destructor)) static void AtExit(void) { abort(); }
#endif

static int32_t BadStart(const shoji_host* host, shoji_plugin* ret_plugin) {
  (void)host;
  (void)ret_plugin;
#if defined(BAD_FD)
  if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return SHOJI_INTERNAL;
#elif defined(BAD_THREAD)
  pthread_t thread;
  pthread_create(&thread, NULL, Forever, NULL);
  pthread_detach(thread);
#elif defined(BAD_FORK)
  if (fork() == 0) {
    if (fork() == 0) {
      setsid();
      for (;;) pause();
    }
    _exit(0);
  }
  wait(NULL);
#elif defined(BAD_ZOMBIE)
  if (fork() == 0) _exit(0);
#elif defined(BAD_MEMORY)
  char* volatile lost = malloc(16384);
  lost[0] = 1;
#elif defined(BAD_CHDIR)
  if (chdir("/") != 0) return SHOJI_INTERNAL;
#elif defined(BAD_UMASK)
  umask(077);
#elif defined(BAD_LOCALE)
  setlocale(LC_ALL, "C.UTF-8");
#elif defined(BAD_ENVIRONMENT)
  setenv("BAD_PLUGIN", "was here", 1);
#elif defined(BAD_SIGNAL)
  signal(SIGUSR2, Handle);
#elif defined(BAD_OPEN_ABORTS)
  abort();
#elif defined(BAD_OPEN_EXITS)
  exit(0);
#elif defined(BAD_OPEN_HANGS)
  for (;;) pause();
#elif defined(BAD_OVERRUN)
  ((uint64_t*)ret_plugin)[sizeof(*ret_plugin) / 8] = 0x5555;
#elif defined(BAD_STRUCT_SIZE)
  ret_plugin->struct_size = sizeof(*ret_plugin);
#elif defined(BAD_READS_BEYOND)
  if (((const uint64_t*)host)[8] == 1) return SHOJI_INTERNAL;
#elif defined(BAD_TRUSTS_NEW_FIELD)
  if (host->struct_size > sizeof(*host)) return **(int32_t* const*)(host + 1);
#elif defined(BAD_NO_SERVICE)
  const shoji_log_v1* log = host->get_service(host, SHOJI_LOG_V1);
  if (!log->enabled(host, SHOJI_LOG_DEBUG)) return SHOJI_INTERNAL;
#endif
  return SHOJI_OK;
}

static int g_open;

static void BadShutdown(void* self) {
  --g_open;
#if defined(BAD_SHUTDOWN)
  free(self);
  abort();
#endif
  free(self);
}

SHOJI_EXPORT int32_t shoji_plugin_open_v1(const shoji_host* host, shoji_plugin* ret_plugin,
                                          shoji_error* err);

int32_t shoji_plugin_open_v1(const shoji_host* host, shoji_plugin* ret_plugin, shoji_error* err) {
#if defined(BAD_ABI_IGNORED)
  shoji_host shown = *host;
  if (host->abi_min > SHOJI_ABI_VERSION) shown.abi_min = SHOJI_ABI_VERSION;
  int32_t code = GoodOpen(&shown, ret_plugin, err);
  if (code == SHOJI_OK) ((Plugin*)ret_plugin->self)->host = host;
#elif defined(BAD_ABI_MESSAGE)
  int32_t code = GoodOpen(host, ret_plugin, err);
  if (code != SHOJI_OK) host->error_set(err, code, 0, Words("wrong version"));
#elif defined(BAD_TWICE)
  if (g_open > 0) {
    host->error_set(err, SHOJI_ALREADY_EXISTS, 0, Words("the plugin is open already"));
    return SHOJI_ALREADY_EXISTS;
  }
  int32_t code = GoodOpen(host, ret_plugin, err);
#else
  int32_t code = GoodOpen(host, ret_plugin, err);
#endif
  if (code != SHOJI_OK) return code;
  ++g_open;
  ret_plugin->shutdown = BadShutdown;
#if defined(BAD_NULL_INTERFACE)
  ret_plugin->get_interface = NULL;
#else
  ret_plugin->get_interface = BadInterface;
#endif
  return BadStart(host, ret_plugin);
}

/* ---- what a file has wrong -------------------------------------------------- */
#if defined(BAD_EXPORTS)
SHOJI_EXPORT int another_symbol(void);
int another_symbol(void) { return 1; }
#elif defined(BAD_PROTOBUF_SYMBOL)
SHOJI_EXPORT int _ZN6google8protobuf11MessageLite5ClearEv(void);
int _ZN6google8protobuf11MessageLite5ClearEv(void) { return 1; }
#elif defined(BAD_UNIQUE)
__asm__(
    ".pushsection .data\n.globl one_for_all\n.type one_for_all, @gnu_unique_object\n"
    ".size one_for_all, 8\none_for_all: .quad 0\n.popsection");
#elif defined(BAD_TEXT_RELOCATION)
__asm__(".pushsection .text\nbad_pointer: .quad bad_pointer\n.popsection");
#endif

/* A shim (or, with KIND_FACTORY, a factory) with one defect, chosen by a macro BAD_...; good
 * without one.
 */
/* Each defect uses but a part of what follows. */
#pragma GCC diagnostic ignored "-Wunused-function"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "shoji/plugin/factory.h"
#include "shoji/plugin/factory_server.h"
#include "shoji/plugin/note.h"
#include "shoji/plugin/shim.h"

#if defined(KIND_FACTORY)
#define KIND "factory"
#define INTERFACE SHOJI_FACTORY_V1
#define MORE_INTERFACES SHOJI_NOTE_INTERFACE(SHOJI_FACTORY_SERVER_V1, "0")
#else
#define KIND "shim"
#define INTERFACE SHOJI_SHIM_V1
#define MORE_INTERFACES ""
#endif

/* clang-format off */
SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN(KIND, "com.example.bad", "1.0.0", "Example", "Apache-2.0")
    SHOJI_NOTE_ABI("1", "1")
    SHOJI_NOTE_INTERFACE(INTERFACE, "0") MORE_INTERFACES);
/* clang-format on */

typedef struct Plugin {
  const shoji_host* host;
} Plugin;

static int32_t Refuse(const shoji_host* host, shoji_error* err, int32_t code, const char* text) {
  const shoji_str message = {text, strlen(text)};
  host->error_set(err, code, 0, message);
  return code;
}

#if defined(KIND_FACTORY)
struct shoji_factory {
  const shoji_host* host;
};

static int32_t Open(void* plugin, const shoji_options* options, shoji_factory** ret_factory,
                    shoji_error* err) {
  (void)options;
  shoji_factory* const factory = malloc(sizeof(*factory));
  if (factory == NULL) return Refuse(((Plugin*)plugin)->host, err, SHOJI_RESOURCE_EXHAUSTED, "no");
  factory->host = ((Plugin*)plugin)->host;
  *ret_factory = factory;
  return SHOJI_OK;
}

static void Close(shoji_factory* factory) { free(factory); }

static int32_t NewVm(shoji_factory* factory, const shoji_call* call,
                     const shoji_vm_request* request, shoji_new_vm* ret_vm, shoji_error* err) {
  (void)call;
#if defined(BAD_FACTORY_OUTPUT)
  if (ret_vm != NULL) ret_vm->vm = NULL;
#else
  (void)ret_vm;
#endif
  if (request->flags != 0) {
    return Refuse(factory->host, err, SHOJI_INVALID_ARGUMENT, "unknown flags in a VM request");
  }
  return Refuse(factory->host, err, SHOJI_UNAVAILABLE, "this factory is closed");
}

static int32_t Status(shoji_factory* factory, const shoji_call* call, const shoji_sink* ret_json,
                      shoji_error* err) {
  (void)factory;
  (void)call;
  (void)err;
#if defined(BAD_FACTORY_STATUS)
  const char* const json = "{\"ready\":\"none\",\"detail\":\"\"}";
#else
  const char* const json = "{\"ready\":0,\"detail\":\"\"}";
#endif
  return ret_json->write(ret_json->ctx, json, strlen(json));
}

static int32_t Destroy(shoji_factory* factory, const shoji_call* call, shoji_error* err) {
  (void)call;
#if defined(BAD_FACTORY_DESTROY)
  return Refuse(factory->host, err, SHOJI_NOT_FOUND, "nothing is prepared");
#else
  (void)factory;
  (void)err;
  return SHOJI_OK;
#endif
}

static const shoji_factory_v1 kTable = {.struct_size = sizeof(kTable),
                                        .open = Open,
                                        .close = Close,
                                        .new_vm = NewVm,
                                        .status = Status,
                                        .destroy = Destroy};

static int32_t Prepare(shoji_factory* factory, const shoji_call* call,
                       const shoji_vm_request* request, shoji_error* err) {
  return NewVm(factory, call, request, NULL, err);
}

static int32_t Serve(shoji_factory* factory, const shoji_call* call,
                     const shoji_vm_request* request, shoji_str socket_path, shoji_error* err) {
  (void)socket_path;
#if defined(BAD_FACTORY_SERVER)
  (void)factory;
  (void)call;
  (void)request;
  (void)err;
  return SHOJI_OK;
#else
  return Prepare(factory, call, request, err);
#endif
}

static const shoji_factory_server_v1 kServer = {.struct_size = sizeof(kServer),
#if !defined(BAD_FACTORY_SERVER_EMPTY)
                                                .prepare = Prepare,
                                                .serve = Serve
#endif
};
#else
static int32_t Start(void* plugin, const shoji_options* options, const shoji_call* call,
                     const shoji_shim_params* params, int32_t* ret_pid, shoji_error* err) {
  (void)options;
  (void)call;
#if !defined(BAD_SHIM_FLAGS)
  if ((params->flags & ~(SHOJI_SHIM_TERMINAL | SHOJI_SHIM_DETACH)) != 0) {
    return Refuse(((Plugin*)plugin)->host, err, SHOJI_INVALID_ARGUMENT, "unknown flags of a shim");
  }
#else
  (void)plugin;
  (void)params;
  (void)err;
#endif
  *ret_pid = SHOJI_SHIM_BUILT_IN;
  return SHOJI_OK;
}

static int32_t Stop(void* plugin, const shoji_call* call, int32_t pid, shoji_error* err) {
  (void)call;
  if (pid == SHOJI_SHIM_BUILT_IN) return SHOJI_OK;
#if !defined(BAD_SHIM_STOP_GONE)
  if (kill(pid, 0) < 0 && errno == ESRCH) return SHOJI_OK;
#endif
  return Refuse(((Plugin*)plugin)->host, err, SHOJI_INVALID_ARGUMENT, "that is no shim of mine");
}

#if defined(BAD_SHIM_SIGNAL_GONE) || defined(BAD_SHIM_SIGNAL_STRANGER)
static int32_t Signal(void* plugin, const shoji_options* options, const shoji_call* call,
                      const shoji_shim_params* params, int32_t pid, int32_t signal,
                      shoji_error* err) {
  (void)options;
  (void)call;
  (void)params;
#if defined(BAD_SHIM_SIGNAL_STRANGER)
  if (kill(pid, signal) == 0) waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
#else
  (void)signal;
  if (kill(pid, 0) < 0) return SHOJI_OK;
#endif
  return Refuse(((Plugin*)plugin)->host, err, SHOJI_UNAVAILABLE, "nobody listens");
}
#endif

static const shoji_shim_v1 kTable = {.struct_size = sizeof(kTable),
                                     .start = Start,
                                     .stop = Stop,
#if defined(BAD_SHIM_SIGNAL_GONE) || defined(BAD_SHIM_SIGNAL_STRANGER)
                                     .signal = Signal
#endif
};
#endif

static const void* GetInterface(void* self, const char* id) {
  (void)self;
#if defined(KIND_FACTORY)
  if (strcmp(id, SHOJI_FACTORY_SERVER_V1) == 0) return &kServer;
#endif
  return strcmp(id, INTERFACE) == 0 ? &kTable : NULL;
}

SHOJI_EXPORT int32_t shoji_plugin_open_v1(const shoji_host* host, shoji_plugin* ret_plugin,
                                          shoji_error* err);

int32_t shoji_plugin_open_v1(const shoji_host* host, shoji_plugin* ret_plugin, shoji_error* err) {
  if (host->abi_min > SHOJI_ABI_VERSION) {
    return Refuse(host, err, SHOJI_FAILED_PRECONDITION,
                  "the plugin needs ABI 1, the host serves 7001 to 7002");
  }
  if (host->abi_max < SHOJI_ABI_VERSION) {
    return Refuse(host, err, SHOJI_FAILED_PRECONDITION,
                  "the plugin needs ABI 1, the host serves 0 to 0");
  }
  Plugin* const plugin = malloc(sizeof(*plugin));
  if (plugin == NULL) return Refuse(host, err, SHOJI_RESOURCE_EXHAUSTED, "no memory");
  plugin->host = host;
  ret_plugin->self = plugin;
  ret_plugin->get_interface = GetInterface;
  ret_plugin->shutdown = free;
  return SHOJI_OK;
}

/* A shim that opens and closes. */
#include "shoji/plugin/shim.h"

#include "entry.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("shim", "com.example.frozen", "1.0.0", "Example", "MIT")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.shim/1", "0"));

static int32_t start(void* plugin, const shoji_options* options, const shoji_call* call,
                     const shoji_shim_params* params, int32_t* ret_pid, shoji_error* err) {
  (void)plugin;
  (void)options;
  (void)call;
  if ((params->flags & ~(SHOJI_SHIM_TERMINAL | SHOJI_SHIM_DETACH)) != 0)
    return fail(err, SHOJI_INVALID_ARGUMENT, "unknown flags");
  *ret_pid = SHOJI_SHIM_BUILT_IN;
  return SHOJI_OK;
}
static int32_t stop(void* plugin, const shoji_call* call, int32_t pid, shoji_error* err) {
  (void)plugin;
  (void)call;
  (void)pid;
  (void)err;
  return SHOJI_OK;
}

static const shoji_shim_v1 table = {.struct_size = sizeof table, .start = start, .stop = stop};
ENTRY(SHOJI_SHIM_V1, table)

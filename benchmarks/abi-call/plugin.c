/* A table with one slot that does next to nothing. */
#include "shoji/plugin/shim.h"

static int32_t Stop(void* plugin, const shoji_call* call, int32_t pid, shoji_error* err) {
  (void)plugin;
  (void)call;
  (void)err;
  return pid == 0 ? SHOJI_NOT_FOUND : SHOJI_OK;
}

static const shoji_shim_v1 kTable = {.struct_size = sizeof(shoji_shim_v1), .stop = Stop};

SHOJI_EXPORT const shoji_shim_v1* abi_call_table(void);
const shoji_shim_v1* abi_call_table(void) { return &kTable; }

/* A hypervisor that opens and closes. */
#include "shoji/plugin/hypervisor.h"

#include "entry.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("hypervisor", "com.example.frozen", "1.0.0", "Example", "MIT")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.hypervisor/1", "0"));

struct shoji_hypervisor {
  int opened;
};
static struct shoji_hypervisor the_one;

static int32_t open_it(void* plugin, const shoji_options* options, shoji_hypervisor** ret,
                       shoji_error* err) {
  (void)plugin;
  (void)options;
  if (the_one.opened++ != 0) return fail(err, SHOJI_INTERNAL, "opened twice");
  *ret = &the_one;
  return SHOJI_OK;
}
static void close_it(shoji_hypervisor* hypervisor) { hypervisor->opened = 0; }

static int32_t create(shoji_hypervisor* hypervisor, const shoji_call* call,
                      const shoji_vm_config* config, shoji_vm** ret_vm, shoji_error* err) {
  (void)hypervisor;
  (void)call;
  (void)ret_vm;
  /* The last field of the first release has to be where it was. */
  if (!SHOJI_HAS(shoji_vm_config, config, flags))
    return fail(err, SHOJI_INTERNAL, "a configuration that is too short");
  return fail(err, SHOJI_FAILED_PRECONDITION, "the frozen hypervisor makes no VMs");
}

static const shoji_hypervisor_v1 table = {
    .struct_size = sizeof table, .open = open_it, .close = close_it, .create = create};
ENTRY(SHOJI_HYPERVISOR_V1, table)

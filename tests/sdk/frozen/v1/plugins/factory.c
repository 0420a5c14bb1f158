/* A factory that opens and closes. */
#include "shoji/plugin/factory.h"

#include "entry.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("factory", "com.example.frozen", "1.0.0", "Example", "MIT")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.factory/1", "0"));

struct shoji_factory {
  int opened;
};
static struct shoji_factory the_one;

static int32_t open_it(void* plugin, const shoji_options* options, shoji_factory** ret,
                       shoji_error* err) {
  (void)plugin;
  (void)options;
  if (the_one.opened++ != 0) return fail(err, SHOJI_INTERNAL, "opened twice");
  *ret = &the_one;
  return SHOJI_OK;
}
static void close_it(shoji_factory* factory) { factory->opened = 0; }
static int32_t destroy(shoji_factory* factory, const shoji_call* call, shoji_error* err) {
  (void)factory;
  (void)call;
  (void)err;
  return SHOJI_OK;
}

static const shoji_factory_v1 table = {
    .struct_size = sizeof table, .open = open_it, .close = close_it, .destroy = destroy};
ENTRY(SHOJI_FACTORY_V1, table)

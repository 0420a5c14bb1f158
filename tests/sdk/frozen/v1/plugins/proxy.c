/* A proxy that opens and closes. */
#include "shoji/plugin/proxy.h"

#include "entry.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("proxy", "com.example.frozen", "1.0.0", "Example", "MIT")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.proxy/1", "0"));

struct shoji_proxy {
  int started;
};
static struct shoji_proxy the_one;

static int32_t start(void* plugin, const shoji_options* options, const shoji_call* call,
                     const shoji_proxy_params* params, shoji_proxy** ret, shoji_error* err) {
  (void)plugin;
  (void)options;
  (void)call;
  if (params->agent_url.size == 0) return fail(err, SHOJI_INVALID_ARGUMENT, "no URL");
  *ret = &the_one;
  return SHOJI_OK;
}
static int32_t stop(shoji_proxy* proxy, const shoji_call* call, shoji_error* err) {
  (void)proxy;
  (void)call;
  (void)err;
  return SHOJI_OK;
}
static void release(shoji_proxy* proxy) { (void)proxy; }

static const shoji_proxy_v1 table = {
    .struct_size = sizeof table, .start = start, .stop = stop, .release = release};
ENTRY(SHOJI_PROXY_V1, table)

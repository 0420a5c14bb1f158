/* A agent that opens and closes. */
#include "shoji/plugin/agent.h"

#include "entry.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("agent", "com.example.frozen", "1.0.0", "Example", "MIT")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.agent/1", "0"));

struct shoji_agent {
  shoji_connector connector;
};
static struct shoji_agent the_one;

static int32_t open_it(void* plugin, const shoji_options* options, const shoji_connector* connector,
                       shoji_agent** ret, shoji_error* err) {
  (void)plugin;
  (void)options;
  if (!SHOJI_HAS(shoji_connector, connector, release))
    return fail(err, SHOJI_INTERNAL, "a connector that is too short");
  memset(&the_one.connector, 0, sizeof the_one.connector);
  memcpy(&the_one.connector, connector,
         connector->struct_size < sizeof the_one.connector ? connector->struct_size
                                                           : sizeof the_one.connector);
  *ret = &the_one;
  return SHOJI_OK;
}
static void close_it(shoji_agent* agent) { agent->connector.release(agent->connector.ctx); }

static const shoji_agent_v1 table = {
    .struct_size = sizeof table, .open = open_it, .close = close_it};
ENTRY(SHOJI_AGENT_V1, table)

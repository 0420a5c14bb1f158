/* What the six plugins share. Each one is built from the headers of the first release of ABI 1
 * alone, as a vendor did then: never mend them, add others.
 *
 * NEWER is defined when they are built from headers that have grown past the host's. */
#include <stdio.h>
#include <string.h>

#include "shoji/plugin/base.h"
#include "shoji/plugin/note.h"
#include "shoji/plugin/services.h"

static const shoji_host* the_host;

#define STR(text) ((shoji_str){text, sizeof(text) - 1})

static int32_t fail(shoji_error* err, int32_t code, const char* text) {
  shoji_str message = {text, strlen(text)};
  the_host->error_set(err, code, 0, message);
  return code;
}

static void say(const char* text) {
  const shoji_log_v1* log = the_host->get_service(the_host, SHOJI_LOG_V1);
  shoji_str message = {text, strlen(text)};
  if (SHOJI_HAS_SLOT(shoji_log_v1, log, write))
    log->write(the_host, SHOJI_LOG_INFO, message, NULL, 0);
}

/* Defines the entry function of a plugin with one interface. */
#define ENTRY(interface_id, table)                                                            \
  static const void* find(void* self, const char* id) {                                       \
    (void)self;                                                                               \
    return strcmp(id, interface_id) == 0 ? &table : NULL;                                     \
  }                                                                                           \
  static void end(void* self) { (void)self; }                                                 \
  SHOJI_EXPORT int32_t shoji_plugin_open_v1(const shoji_host* host, shoji_plugin* ret_plugin, \
                                            shoji_error* err) {                               \
    the_host = host;                                                                          \
    if (SHOJI_ABI_VERSION < host->abi_min || SHOJI_ABI_VERSION > host->abi_max)               \
      return fail(err, SHOJI_FAILED_PRECONDITION, "ABI of another time");                     \
    if (host->get_service(host, "com.example.never/1") != NULL)                               \
      return fail(err, SHOJI_INTERNAL, "the host answers what it cannot know");               \
    USE_NEWER(host, ret_plugin);                                                              \
    ret_plugin->self = (void*)&table;                                                         \
    ret_plugin->get_interface = find;                                                         \
    ret_plugin->shutdown = end;                                                               \
    return SHOJI_OK;                                                                          \
  }

#ifdef NEWER
/* Used only as far as the host's struct_size says that it is there: with this host, never. */
#define USE_NEWER(host, plugin)                                                    \
  do {                                                                             \
    if (SHOJI_HAS_SLOT(shoji_host, host, newer_slot))                              \
      return fail(err, SHOJI_INTERNAL, "the host has a slot of the future");       \
    if (SHOJI_HAS(shoji_plugin, plugin, newer_field)) plugin->newer_field = ~0ull; \
  } while (0)
#else
#define USE_NEWER(host, plugin) ((void)0)
#endif

// Plugins that break the contract, one way each; BAD_... says which.
#include <cstring>
#include <stdexcept>

#include "shoji/plugin/base.h"
#include "shoji/plugin/note.h"
#include "shoji/plugin/store.h"

#if !defined(BAD_NO_NOTE)
#ifndef BAD_ABI_MIN
#define BAD_ABI_MIN "1"
#define BAD_ABI_MAX "1"
#endif
#ifndef BAD_KIND
#define BAD_KIND "store"
#endif
#ifndef BAD_INTERFACE
#define BAD_INTERFACE "shoji.store/1"
#endif
SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN(BAD_KIND, BAD_ID, "1", "Tester", "MIT")
                      SHOJI_NOTE_ABI(BAD_ABI_MIN, BAD_ABI_MAX)
                          SHOJI_NOTE_INTERFACE(BAD_INTERFACE, "0"));
#endif

#ifdef BAD_NO_ENTRY
#define shoji_plugin_open_v1 shoji_plugin_open_v0
#endif

#ifdef BAD_TWO_EXPORTS
extern "C" SHOJI_EXPORT int another_export() { return 1; }
#endif

#ifdef BAD_UNDEFINED
extern "C" int nobody_defines_this();
extern "C" int bad_use();
int bad_use() { return nobody_defines_this(); }
#endif

#ifdef BAD_PROTOBUF
namespace google::protobuf {
SHOJI_EXPORT int Leak() { return 1; }
}  // namespace google::protobuf
#endif

namespace {
const void* Nothing(void*, const char*) { return nullptr; }
}  // namespace

extern "C" SHOJI_EXPORT std::int32_t shoji_plugin_open_v1(const shoji_host* host,
                                                          shoji_plugin* ret_plugin,
                                                          shoji_error* error) {
#if defined(BAD_THROWS)
  throw std::runtime_error("out of open");
#elif defined(BAD_FAILS)
  const char text[] = "no licence on this machine";
  host->error_set(error, SHOJI_FAILED_PRECONDITION, 0, {text, std::strlen(text)});
  return SHOJI_FAILED_PRECONDITION;
#elif defined(BAD_MUTE)
  return SHOJI_UNAVAILABLE;
#elif defined(BAD_NONSENSE)
  return -12345;
#elif defined(BAD_EMPTY)
  return SHOJI_OK;
#endif
#ifdef BAD_UNDEFINED
  bad_use();
#endif
  static_cast<void>(host);
  static_cast<void>(error);
  ret_plugin->get_interface = Nothing;
  return SHOJI_OK;
}

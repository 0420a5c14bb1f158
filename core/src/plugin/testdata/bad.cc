// Plugins that break the contract, one way each; BAD_... says which.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "shoji/plugin/base.h"
#include "shoji/plugin/note.h"
#include "shoji/plugin/services.h"
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
#ifdef BAD_DRAFT
#define BAD_MORE "draft\tshoji.store.thing/1\t" BAD_DRAFT "\n"
#else
#define BAD_MORE ""
#endif
SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN(BAD_KIND, BAD_ID, "1", "Tester", "MIT")
                      SHOJI_NOTE_ABI(BAD_ABI_MIN, BAD_ABI_MAX)
                          SHOJI_NOTE_INTERFACE(BAD_INTERFACE, "0") BAD_MORE);
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

[[maybe_unused]] void Hang() {
  for (;;) pause();
}

// Opens the FIFO that an environment variable names, and closes it: whoever has the other
// end may go on.
[[maybe_unused]] void Meet(const char* variable, int flags) {
  const char* path = std::getenv(variable);
  if (path != nullptr) close(open(path, flags | O_CLOEXEC));
}

#ifdef BAD_CONSTRUCTOR
// BAD_CONSTRUCTOR=hang, or the path of a file to make.
__attribute__((constructor)) void OnLoad() {
  const char* what = std::getenv("BAD_CONSTRUCTOR");
  if (what == nullptr) return;
  if (std::strcmp(what, "hang") == 0) Hang();
  close(open(what, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}
#endif

[[maybe_unused]] const void* TableOfSize(std::uint32_t size) {
  static shoji_store_v1 table{};
  table.struct_size = size;
  return &table;
}

const void* Find(void*, const char*) {
#if defined(BAD_FIND_THROWS)
  throw std::runtime_error("out of get_interface");
#elif defined(BAD_TABLE_SIZE)
  return TableOfSize(3);
#elif defined(BAD_FINDS) || defined(BAD_LATE) || defined(BAD_CONSTRUCTOR)
  return TableOfSize(sizeof(shoji_store_v1));
#else
  return nullptr;
#endif
}

[[maybe_unused]] void Shutdown(void*) {
#ifdef BAD_LATE
  Meet("BAD_LATE_DONE", O_WRONLY);
#endif
}

#ifdef BAD_FINDS
std::int32_t FindOther(const shoji_host* host, shoji_error* error) {
  const auto* plugins =
      static_cast<const shoji_plugins_v1*>(host->get_service(host, SHOJI_PLUGINS_V1));
  const void* table = nullptr;
  void* plugin = nullptr;
  const shoji_options* options = nullptr;
  return plugins->find(host, {"store", 5}, {BAD_FINDS, std::strlen(BAD_FINDS)}, SHOJI_STORE_V1,
                       &table, &plugin, &options, error);
}
#endif

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
#elif defined(BAD_ABORTS)
  std::abort();
#elif defined(BAD_SEGFAULTS)
  *static_cast<volatile int*>(nullptr) = 1;
#elif defined(BAD_HANGS)
  Hang();
#elif defined(BAD_LATE)
  Meet("BAD_LATE_GO", O_RDONLY);
  const auto* log = static_cast<const shoji_log_v1*>(host->get_service(host, SHOJI_LOG_V1));
  log->write(host, SHOJI_LOG_ERROR, {"late", 4}, nullptr, 0);
#elif defined(BAD_ENDS_THREAD)
  pthread_exit(nullptr);
#elif defined(BAD_FINDS)
  if (const std::int32_t code = FindOther(host, error); code != SHOJI_OK) return code;
#elif defined(BAD_PLUGIN_SIZE)
  ret_plugin->struct_size = 3;
#endif
#ifdef BAD_UNDEFINED
  bad_use();
#endif
  static_cast<void>(host);
  static_cast<void>(error);
  ret_plugin->get_interface = Find;
  ret_plugin->shutdown = Shutdown;
  return SHOJI_OK;
}

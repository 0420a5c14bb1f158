/* The note of a bad plugin; the parts that are not given are those of a good one. */
#include "shoji/plugin/note.h"
#include "shoji/plugin/store.h"

#ifndef NOTE_ID
#define NOTE_ID "com.example.bad"
#endif
#ifndef NOTE_VERSION
#define NOTE_VERSION "1.0.0"
#endif
#ifndef NOTE_KIND
#define NOTE_KIND "store"
#endif
#ifndef NOTE_MIN
#define NOTE_MIN "1"
#endif
#ifndef NOTE_SCAN
#define NOTE_SCAN SHOJI_NOTE_INTERFACE(SHOJI_STORE_SCAN_V1, "0")
#endif
#ifndef NOTE_MORE
#define NOTE_MORE ""
#endif

#ifndef NOTE_NONE
/* clang-format off */
SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN(NOTE_KIND, NOTE_ID, NOTE_VERSION, "Example", "Apache-2.0")
    SHOJI_NOTE_ABI(NOTE_MIN, "1")
    SHOJI_NOTE_INTERFACE(SHOJI_STORE_V1, "0")
    NOTE_SCAN
    SHOJI_NOTE_OPTION("path", "path", "/var/lib/bad/records", "", "File of the records")
    SHOJI_NOTE_OPTION("token", "string", "", "secret", "Password")
    NOTE_MORE);
/* clang-format on */
#endif

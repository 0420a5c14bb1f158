/* The ELF note in which a plugin says what it is.
 *
 * Purpose  The host reads this note from the file before it loads a byte of the
 *          plugin's code: `shoji plugin list`, option validation, ABI and trust
 *          checks all work from it.
 * Threads  Constant data.
 * Since    ABI 1. A note of the first release is read for ever.
 * Example
 *     SHOJI_PLUGIN_NOTE(
 *         SHOJI_NOTE_PLUGIN("store", "com.example.kv", "1.2.0", "Example Ltd", "Proprietary")
 *         SHOJI_NOTE_ABI("1", "1")
 *         SHOJI_NOTE_INTERFACE("shoji.store/1", "0")
 *         SHOJI_NOTE_OPTION("path", "path", "/var/lib/kv", "", "Directory of the database"));
 *
 * Format (stable): owner name "Shoji", type 1, section ".note.shoji.plugin"; the
 * descriptor is UTF-8 text, one record a line, fields separated by TAB, the first
 * field names the record. Unknown records and surplus fields are ignored; the text ends
 * at the first NUL, if there is one.
 *   plugin     kind id version vendor licence sdk-version
 *   abi        min max                        the range of host ABIs it works with
 *   interface  id minor
 *   option     name type default flags help   type: string int bool size path list duration
 *                                             flags: comma list of: secret, required
 *   draft      id sdk-version                 a draft interface that it uses; such a plugin
 *                                             loads only into a host of that very version
 */
#ifndef SHOJI_PLUGIN_NOTE_H_
#define SHOJI_PLUGIN_NOTE_H_

#include <stdint.h>

#define SHOJI_NOTE_SECTION ".note.shoji.plugin"
#define SHOJI_NOTE_OWNER "Shoji"
#define SHOJI_NOTE_TYPE 1u
#define SHOJI_SDK_VERSION "0.1.0"

#define SHOJI_NOTE_PLUGIN(kind, id, version, vendor, licence) \
  "plugin\t" kind "\t" id "\t" version "\t" vendor "\t" licence "\t" SHOJI_SDK_VERSION "\n"
#define SHOJI_NOTE_ABI(min, max) "abi\t" min "\t" max "\n"
#define SHOJI_NOTE_INTERFACE(id, minor) "interface\t" id "\t" minor "\n"
#define SHOJI_NOTE_OPTION(name, type, default_value, flags, help) \
  "option\t" name "\t" type "\t" default_value "\t" flags "\t" help "\n"

/* Once for each header of shoji/plugin/draft/ that the plugin uses. */
#define SHOJI_NOTE_DRAFT(id) "draft\t" id "\t" SHOJI_SDK_VERSION "\n"

/* Defines the note. `text` is a string literal made of the macros above. */
#define SHOJI_PLUGIN_NOTE(text)                                                          \
  static const struct {                                                                  \
    uint32_t name_size;                                                                  \
    uint32_t desc_size;                                                                  \
    uint32_t type;                                                                       \
    char name[8];                                                                        \
    char desc[(sizeof(text) + 3u) / 4u * 4u];                                            \
  } shoji_plugin_note __attribute__((used, section(SHOJI_NOTE_SECTION), aligned(4))) = { \
      6u, (uint32_t)sizeof(text), SHOJI_NOTE_TYPE, SHOJI_NOTE_OWNER, text}

#endif

#include "shoji/sdk/plugin.h"

#include "shoji/sdk/store.h"
#include "sqlite_store.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("store", "sqlite", SHOJI_SDK_VERSION, "Shoji", "Apache-2.0")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.store/1", "0")
                          SHOJI_NOTE_INTERFACE("shoji.store.scan/1", "0")
                              SHOJI_NOTE_INTERFACE("shoji.store.txn/1", "0") SHOJI_NOTE_OPTION(
                                  "path", "path", "", "",
                                  "File of the database; empty: shoji.db in the state directory"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_STORE_V1, shoji::sdk::StoreTable<shoji::sqlite::SqliteStore>());
});

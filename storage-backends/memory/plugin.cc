#include "shoji/sdk/plugin.h"

#include "memory_store.h"
#include "shoji/sdk/store.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("store", "memory", SHOJI_SDK_VERSION, "Shoji", "Apache-2.0")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.store/1", "0")
                          SHOJI_NOTE_INTERFACE("shoji.store.scan/1", "0")
                              SHOJI_NOTE_INTERFACE("shoji.store.txn/1", "0") SHOJI_NOTE_OPTION(
                                  "name", "string", "default", "",
                                  "Stores of one name share their records; they are lost "
                                  "when the process ends"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_STORE_V1, shoji::sdk::StoreTable<shoji::memory::MemoryStore>());
});

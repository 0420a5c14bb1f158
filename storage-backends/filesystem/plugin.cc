#include "shoji/sdk/plugin.h"

#include "filesystem_store.h"
#include "shoji/sdk/store.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("store", "filesystem", "0.1.0", "Shoji", "Apache-2.0")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.store/1", "0")
                          SHOJI_NOTE_INTERFACE("shoji.store.scan/1", "0")
                              SHOJI_NOTE_INTERFACE("shoji.store.txn/1", "0") SHOJI_NOTE_OPTION(
                                  "path", "path", "", "",
                                  "Directory of the records; empty: store below root"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_STORE_V1, shoji::sdk::StoreTable<shoji::filesystem::FilesystemStore>());
});

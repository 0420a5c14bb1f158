#include "shoji/sdk/plugin.h"

#include "rocksdb_store.h"
#include "shoji/sdk/store.h"

SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("store", "rocksdb", "0.1.0", "Shoji", "Apache-2.0") SHOJI_NOTE_ABI("1", "1")
        SHOJI_NOTE_INTERFACE("shoji.store/1", "0") SHOJI_NOTE_INTERFACE("shoji.store.scan/1", "0")
            SHOJI_NOTE_INTERFACE("shoji.store.txn/1", "0") SHOJI_NOTE_OPTION(
                "path", "path", "", "",
                "Directory of the store; empty: rocksdb below the state directory")
                SHOJI_NOTE_OPTION("lock_timeout", "duration", "10s", "",
                                  "How long to wait for other processes, without a deadline")
                    SHOJI_NOTE_OPTION("write_buffer", "size", "4M", "",
                                      "Bytes kept in memory before a table is written")
                        SHOJI_NOTE_OPTION("compression", "bool", "true", "",
                                          "Compress tables with Snappy"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_STORE_V1, shoji::sdk::StoreTable<shoji::rocksdb_store::RocksDbStore>());
});

#include "cache.h"
#include "shoji/plugin/note.h"
#include "shoji/sdk/factory.h"

SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("factory", "cache", "0.1.0", "Shoji", "Apache-2.0") SHOJI_NOTE_ABI("1", "1")
        SHOJI_NOTE_INTERFACE("shoji.factory/1", "0") SHOJI_NOTE_INTERFACE("shoji.factory.server/1",
                                                                          "0")
            SHOJI_NOTE_OPTION("size", "int", "2", "", "VMs that are kept ready, 1 to 64")
                SHOJI_NOTE_OPTION("base", "string", "direct", "",
                                  "Factory that makes them: direct or template")
                    SHOJI_NOTE_OPTION("warm_up", "bool", "true", "",
                                      "Let a small container live and end in each before it waits")
                        SHOJI_NOTE_OPTION("socket", "path", "", "",
                                          "Where shoji factory serve gives them to others; "
                                          "empty: factory/cache.sock in the run directory"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_FACTORY_V1, shoji::sdk::FactoryTable<shoji::cache::CacheFactory>());
  interfaces.Add(SHOJI_FACTORY_SERVER_V1,
                 shoji::sdk::FactoryServerTable<shoji::cache::CacheFactory>());
});

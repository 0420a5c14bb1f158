#include "shoji/sdk/plugin.h"

#include "proxy.h"
#include "shoji/plugin/note.h"

SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("proxy", "kataproxy", "0.1.0", "Shoji", "Apache-2.0") SHOJI_NOTE_ABI("1", "1")
        SHOJI_NOTE_INTERFACE("shoji.proxy/1", "0")
            SHOJI_NOTE_OPTION("path", "string", "", "",
                              "Program with the flags of kata-proxy; empty: shoji-proxy as "
                              "installed")
                SHOJI_NOTE_OPTION("debug", "bool", "false", "",
                                  "The proxy logs all it does, and the guest's console, to "
                                  "proxy.log"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_PROXY_V1, shoji::sdk::ProxyTable<shoji::kataproxy::KataProxy>());
});

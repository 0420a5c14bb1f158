#include "shoji/sdk/plugin.h"

#include "proxy.h"
#include "shoji/plugin/note.h"

SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("proxy", "ccproxy", "0.1.0", "Shoji", "Apache-2.0") SHOJI_NOTE_ABI("1", "1")
        SHOJI_NOTE_INTERFACE("shoji.proxy/1", "0")
            SHOJI_NOTE_OPTION("path", "string", "", "", "The program cc-proxy; has to be set")
                SHOJI_NOTE_OPTION("io_socket", "string", "tty.sock", "",
                                  "Name of the socket of hyperstart's streams, beside that of its "
                                  "control channel")
                    SHOJI_NOTE_OPTION("debug", "bool", "false", "",
                                      "The proxy logs all it does, and the guest's console, to "
                                      "proxy.log"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_PROXY_V1, shoji::sdk::ProxyTable<shoji::ccproxy::CcProxy>());
});

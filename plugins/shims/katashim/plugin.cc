#include "shim.h"
#include "shoji/plugin/note.h"
#include "shoji/sdk/shim.h"

SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("shim", "katashim", "0.1.0", "Shoji", "Apache-2.0") SHOJI_NOTE_ABI("1", "1")
        SHOJI_NOTE_INTERFACE("shoji.shim/1", "2")
            SHOJI_NOTE_OPTION("path", "string", "", "",
                              "Program with the flags of kata-shim; empty: shoji-shim as "
                              "installed")
                SHOJI_NOTE_OPTION("debug", "bool", "false", "", "Passes \"-log debug\" to it"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_SHIM_V1, shoji::sdk::ShimTable<shoji::katashim::KataShim>());
});

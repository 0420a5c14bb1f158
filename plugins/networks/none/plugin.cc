// Plugin "none" of kind network.
#include "shoji/sdk/plugin.h"

#include "network.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("network", "none", "0.1.0", "Shoji", "Apache-2.0")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.network/1", "0"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  using shoji::network_none::NoNetwork;
  interfaces.Add(SHOJI_NETWORK_V1, shoji::sdk::NetworkTable<NoNetwork>());
});

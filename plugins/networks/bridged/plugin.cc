// Plugin "bridged" of kind network.
#include "shoji/sdk/plugin.h"

#include "bridged.h"
#include "pod_network.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("network", "bridged", "0.1.0", "Shoji", "Apache-2.0")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.network/1", "0")
                          SHOJI_NOTE_INTERFACE("shoji.network.interface/1", "0") SHOJI_NOTE_OPTION(
                              "vhost", "bool", "true", "",
                              "Use /dev/vhost-net where the machine has it")
                              SHOJI_NOTE_OPTION("skip", "list", "", "",
                                                "Names of interfaces that the VM does not get"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  using shoji::network::PodNetwork;
  using shoji::network::Bridged;
  interfaces.Add(SHOJI_NETWORK_V1, shoji::sdk::NetworkTable<PodNetwork<Bridged>>());
});

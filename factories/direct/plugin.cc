#include "direct.h"
#include "shoji/plugin/note.h"
#include "shoji/sdk/factory.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("factory", "direct", "0.1.0", "Shoji", "Apache-2.0")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.factory/1", "0"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_FACTORY_V1, shoji::sdk::FactoryTable<shoji::direct::DirectFactory>());
});

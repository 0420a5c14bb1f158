#include "shoji/sdk/plugin.h"

#include "agent.h"
#include "shoji/plugin/agent_shim.h"
#include "shoji/plugin/note.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("agent", "hyperstart", "0.1.0", "Shoji", "Apache-2.0")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.agent/1", "0")
                          SHOJI_NOTE_INTERFACE("shoji.agent.shim/1", "0"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_AGENT_V1,
                 shoji::sdk::AgentTable<shoji::agent_hyperstart::HyperstartAgent>());
});

#include "shoji/sdk/plugin.h"

#include "agent.h"
#include "shoji/plugin/note.h"
#include "shoji/sdk/agent.h"

SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("agent", "kata", "0.1.0", "Shoji", "Apache-2.0") SHOJI_NOTE_ABI("1", "1")
        SHOJI_NOTE_INTERFACE("shoji.agent/1", "0") SHOJI_NOTE_INTERFACE("shoji.agent.pause/1", "0")
            SHOJI_NOTE_INTERFACE("shoji.agent.stats/1",
                                 "0") SHOJI_NOTE_INTERFACE("shoji.agent.update/1", "0")
                SHOJI_NOTE_INTERFACE("shoji.agent.network/1",
                                     "0") SHOJI_NOTE_INTERFACE("shoji.agent.hotplug/1", "0")
                    SHOJI_NOTE_INTERFACE("shoji.agent.files/1",
                                         "0") SHOJI_NOTE_INTERFACE("shoji.agent.oom/1", "0")
                        SHOJI_NOTE_INTERFACE("shoji.agent.silence/1", "0")
                            SHOJI_NOTE_OPTION("ask_every", "duration", "30s", "",
                                              "Ask a guest that is silent for so long, while calls "
                                              "wait, whether it lives; 0: never")
                                SHOJI_NOTE_OPTION("give_up", "duration", "90s", "",
                                                  "A guest that does not answer that for so long "
                                                  "counts as dead"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_AGENT_V1, shoji::sdk::AgentTable<shoji::agent_kata::KataAgent>());
});

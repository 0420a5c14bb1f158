// Plugin "mock" of kind hypervisor: another hypervisor, with faults by a script, for tests.
#include "shoji/sdk/plugin.h"

#include "shoji/plugin/hypervisor.h"
#include "shoji/plugin/note.h"
#include "table.h"

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("hypervisor", "mock", "0.1.0", "Shoji", "Apache-2.0")
                      SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.hypervisor/1", "1")
                          SHOJI_NOTE_OPTION("over", "string", "process", "",
                                            "The hypervisor that does the work")
                              SHOJI_NOTE_OPTION("script", "string", "", "",
                                                "What goes wrong: SLOT:CALLS:FAULT[:TEXT]; ..."));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_HYPERVISOR_V1, shoji::mock::MockTable());
});

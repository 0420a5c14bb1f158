// Plugin "process" of kind hypervisor: no VM, the agent runs on the host. No isolation boundary.
#include "shoji/sdk/plugin.h"

#include "hypervisor.h"
#include "shoji/plugin/note.h"

SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("hypervisor", "process", "0.1.0", "Shoji", "Apache-2.0")
        SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.hypervisor/1", "1")
            SHOJI_NOTE_OPTION("allow_insecure", "bool", "false", "",
                              "Run containers without any VM, on the host's kernel")
                SHOJI_NOTE_OPTION("agent", "string", "", "",
                                  "Path of shoji-process-agent; empty: as installed")
                    SHOJI_NOTE_OPTION("hybrid_vsock", "bool", "false", "",
                                      "Serve the agent as a VMM with hybrid vsock does, to many "
                                      "clients and without a proxy"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_HYPERVISOR_V1,
                 shoji::sdk::HypervisorTable<shoji::process::ProcessHypervisor>());
});

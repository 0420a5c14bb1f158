// Plugin "qemu" of kind hypervisor.
#include "shoji/sdk/plugin.h"

#include "hypervisor.h"
#include "shoji/plugin/note.h"

SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("hypervisor", "qemu", "0.1.0", "Shoji", "Apache-2.0") SHOJI_NOTE_ABI("1", "1")
        SHOJI_NOTE_INTERFACE("shoji.hypervisor/1", "0")
            SHOJI_NOTE_OPTION("path", "string", "qemu-system-x86_64", "",
                              "QEMU, a path or a name to be found in $PATH")
                SHOJI_NOTE_OPTION("machine", "string", "q35", "", "Machine type of the guests")
                    SHOJI_NOTE_OPTION("accel", "string", "auto", "",
                                      "auto, kvm or tcg; auto takes KVM when this machine can")
                        SHOJI_NOTE_OPTION("cpu", "string", "", "",
                                          "CPU model; empty: host with KVM, max with TCG")
                            SHOJI_NOTE_OPTION("vcpus", "int", "1", "",
                                              "CPUs of a VM that asks for no number")
                                SHOJI_NOTE_OPTION("memory", "size", "256M", "",
                                                  "Memory of a VM that asks for no amount")
                                    SHOJI_NOTE_OPTION("kernel_params", "string", "", "",
                                                      "More parameters for the guest's kernel"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_HYPERVISOR_V1, shoji::sdk::HypervisorTable<shoji::qemu::QemuHypervisor>());
});

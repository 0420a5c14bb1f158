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
                                                      "More parameters for the guest's kernel")
    // How far a VM can grow.
    SHOJI_NOTE_OPTION("max_vcpus", "int", "0", "",
                      "Most CPUs of a VM; 0: those of the host, under TCG 4 at most")
        SHOJI_NOTE_OPTION("max_memory", "size", "0", "", "Most memory of a VM; 0: that of the host")
            SHOJI_NOTE_OPTION("memory_slots", "int", "8", "",
                              "How often memory can be added to a VM")
    // How a VM is run.
    SHOJI_NOTE_OPTION("sandbox", "bool", "true", "", "QEMU's own system call filter")
        SHOJI_NOTE_OPTION(
            "user", "string", "", "",
            "User that QEMU becomes once it has opened everything; not with 9p shares")
            SHOJI_NOTE_OPTION("hugepages", "bool", "false", "",
                              "Memory of the guests out of the host's huge pages")
                SHOJI_NOTE_OPTION("prealloc", "bool", "false", "",
                                  "Take all memory of a guest at its start")
                    SHOJI_NOTE_OPTION("mlock", "bool", "false", "", "Keep QEMU out of the swap")
                        SHOJI_NOTE_OPTION("firmware", "string", "", "",
                                          "Firmware file; empty: QEMU's own")
                            SHOJI_NOTE_OPTION("machine_accelerators", "string", "", "",
                                              "Appended to the machine, such as "
                                              "kernel_irqchip=split")
                                SHOJI_NOTE_OPTION("cpu_features", "string", "", "",
                                                  "Appended to the CPU model, such as -avx512f")
                                    SHOJI_NOTE_OPTION(
                                        "shared_fs", "string", "9p", "",
                                        "9p or virtio-fs; with virtio-fs VMs cannot be saved")
                                        SHOJI_NOTE_OPTION("virtiofsd", "string",
                                                          "/usr/lib/qemu/virtiofsd", "",
                                                          "The program that serves virtio-fs")
                                            SHOJI_NOTE_OPTION("virtiofs_cache", "string", "auto",
                                                              "",
                                                              "What the guest keeps of a share: "
                                                              "auto, none or always")
                                                SHOJI_NOTE_OPTION("image_device", "string",
                                                                  "virtio-blk", "",
                                                                  "How the guest sees its root "
                                                                  "image: virtio-blk or nvdimm")
                                                    SHOJI_NOTE_OPTION("image_fstype", "string",
                                                                      "ext4", "",
                                                                      "File system on the root "
                                                                      "image: ext4 or erofs"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_HYPERVISOR_V1, shoji::sdk::HypervisorTable<shoji::qemu::QemuHypervisor>());
});

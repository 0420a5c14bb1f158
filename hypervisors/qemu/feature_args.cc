#include "feature_args.h"

namespace shoji::qemu {
namespace {

using Args = std::vector<std::string>;

std::string OnOff(bool on) { return on ? "on" : "off"; }

bool NeedsBackend(const Launch& launch) {
  const Features& f = launch.features;
  return !launch.config.memory_path.empty() || launch.named_memory || f.hugepages || f.prealloc ||
         HasSharedMemory(f, launch.config);
}

std::string Disk(const Launch& launch) {
  const bool mmio = KindOf(launch.machine) == MachineKind::kMicrovm;
  return mmio ? "virtio-blk-device" : "virtio-blk-pci,disable-legacy=on";
}

bool HasNvdimm(const Launch& launch) {
  return !launch.config.image.empty() && launch.features.nvdimm();
}

// A clone writes into pages of its own: the file is that of all clones.
std::string Backend(const Launch& launch) {
  const bool shared = HasSharedMemory(launch.features, launch.config);
  if (!launch.config.memory_path.empty()) {
    return "memory-backend-file,mem-path=" + Escaped(launch.config.memory_path) +
           ",share=" + OnOff(!launch.incoming.has_value());
  }
  if (!launch.features.hugepages && !shared) return "memory-backend-ram";
  return "memory-backend-memfd,share=" + OnOff(shared) +
         (launch.features.hugepages ? ",hugetlb=on" : "");
}

}  // namespace

std::string Escaped(const std::string& value) {
  std::string out;
  for (const char c : value) out += c == ',' ? std::string(",,") : std::string(1, c);
  return out;
}

std::string MachineSuffix(const Launch& launch) {
  std::string suffix;
  if (!launch.features.machine_accelerators.empty()) {
    suffix += "," + launch.features.machine_accelerators;
  }
  if (HasNvdimm(launch)) suffix += ",nvdimm=on";
  if (NeedsBackend(launch)) suffix += ",memory-backend=ram0";
  return suffix;
}

std::string MemorySuffix(const Launch& launch) {
  // An nvdimm lies in the room for memory that is added later.
  return MemoryRoom(launch.config.memory_bytes, launch.sizes,
                    HasNvdimm(launch) ? launch.image_bytes : 0);
}

Args MemoryArgs(const Launch& launch) {
  if (!NeedsBackend(launch)) return {};
  return {"-object", Backend(launch) +
                         ",id=ram0,size=" + std::to_string(launch.config.memory_bytes >> 20U) +
                         "M" + (launch.features.prealloc ? ",prealloc=on" : "")};
}

Args ConfinementArgs(const Launch& launch) {
  const Features& f = launch.features;
  Args args;
  if (f.sandbox) {
    // To become another user is a call that "deny" forbids. Nobody gains anything by it later:
    // no program can be started, and the filter itself forbids new privileges.
    const std::string privileges = f.user.empty() ? "deny" : "allow";
    args = {"-sandbox", "on,obsolete=deny,elevateprivileges=" + privileges +
                            ",spawn=deny,resourcecontrol=deny"};
  }
  if (!f.user.empty()) args.insert(args.end(), {"-runas", f.user});
  if (f.mlock) args.insert(args.end(), {"-overcommit", "mem-lock=on"});
  if (!f.firmware.empty()) args.insert(args.end(), {"-bios", f.firmware});
  return args;
}

Args ImageArgs(const Launch& launch) {
  if (launch.config.image.empty()) return {};
  const std::string path = Escaped(launch.config.image);
  if (launch.features.nvdimm()) {
    return {"-object",
            "memory-backend-file,id=image0,mem-path=" + path +
                ",size=" + std::to_string(launch.image_bytes) + ",share=on,readonly=on",
            "-device", "nvdimm,id=nvdimm0,memdev=image0,unarmed=on"};
  }
  return {"-blockdev",
          "driver=raw,node-name=image0,read-only=on,file.driver=file,file.filename=" + path,
          "-device", Disk(launch) + ",id=imagedisk0,drive=image0"};
}

Args VirtioFsArgs(const std::vector<sdk::VmShareConfig>& shares) {
  Args args;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const std::string number = std::to_string(i);
    args.insert(args.end(), {"-chardev",
                             "socket,id=virtiofs" + number +
                                 ",fd=" + std::to_string(kFirstShareFd + static_cast<int>(i)),
                             "-device",
                             "vhost-user-fs-pci,id=share" + number + ",chardev=virtiofs" + number +
                                 ",tag=" + shares[i].tag});
  }
  return args;
}

std::string ImageParams(const Features& features, const sdk::VmConfig& config) {
  if (config.image.empty()) return "";
  const std::string device = features.nvdimm() ? "/dev/pmem0" : "/dev/vda";
  return "root=" + device + " rootfstype=" + features.image_fstype + " ro ";
}

}  // namespace shoji::qemu

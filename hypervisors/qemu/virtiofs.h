// virtiofsd: the process that serves one shared directory over virtio-fs.
//
// Purpose  Started through the host, so that garbage collection finds it. It ends by itself when
//          the connection to QEMU ends; its own end shows as the end of its stderr.
// Threads  Safe.
// Life     A backend that is dropped goes on; EndVirtioFs() ends and reaps it.
// Example  SHOJI_ASSIGN_OR_RETURN(VirtioFsBackend fs, StartVirtioFs(host, "box", config));
#ifndef SHOJI_HYPERVISORS_QEMU_VIRTIOFS_H_
#define SHOJI_HYPERVISORS_QEMU_VIRTIOFS_H_

#include <string>

#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/hypervisor.h"
#include "state.h"
#include "vm_features.h"

namespace shoji::qemu {

struct VirtioFsBackend {
  UniqueFd connection;  // for QEMU: "-chardev socket,fd=" or getfd and chardev-add
  UniqueFd messages;    // the reading end of its stderr
  UniqueFd pidfd;
  ProcessIdentity process;
};

// `run_dir` holds its socket for a moment. FAILED_PRECONDITION tells why it did not come up, in
// its own words.
Result<VirtioFsBackend> StartVirtioFs(const sdk::Host& host, const std::string& sandbox_id,
                                      const std::string& run_dir, const Features& features,
                                      const sdk::VmShareConfig& share);

// Gives it a moment to end by itself, then kills it; reaps it if it is a child.
Status EndVirtioFs(int pidfd, Deadline patience);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_VIRTIOFS_H_

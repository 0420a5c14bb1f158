#include "channel/vsock.h"

#include <linux/vm_sockets.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>
#include <vector>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

// Numbers of the virtio specification.
constexpr std::string_view kConsole = "0x0003";
constexpr std::string_view kVsock = "0x0013";

bool HasVirtio(const std::string& sys, std::string_view kind) {
  const std::string bus = sys + "/bus/virtio/devices";
  const auto names = ListDir(bus);
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    const auto id = ReadFile(bus + "/" + name + "/device", 64);
    if (id.ok() && Trim(*id) == kind) return true;
  }
  return false;
}

}  // namespace

Result<UniqueFd> ListenVsock(std::uint32_t port) {
  UniqueFd fd(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    return FailedPrecondition("the kernel has no vsock (" + ErrnoText(errno) +
                              "); add its modules to the guest's image");
  }
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = port;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
      listen(fd.get(), 64) < 0) {
    return ErrnoStatus(errno, "cannot listen on vsock port " + std::to_string(port));
  }
  return fd;
}

bool HasVsockDevice(const std::string& sys) { return HasVirtio(sys, kVsock); }
bool HasSerialPort(const std::string& sys) { return HasVirtio(sys, kConsole); }

}  // namespace shoji::agent

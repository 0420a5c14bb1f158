#include "tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "shoji/base/errno.h"

namespace shoji::network {
namespace {

constexpr char kTun[] = "/dev/net/tun";
constexpr char kVhost[] = "/dev/vhost-net";
constexpr char kName[] = "tap%d_shoji";  // the kernel takes the first number that is free

// Descriptors without a device yet; they belong to the namespace they are opened in.
Result<std::vector<UniqueFd>> OpenQueues(const netlink::NetNamespace& pod, unsigned queues) {
  std::vector<UniqueFd> fds;
  SHOJI_RETURN_IF_ERROR(pod.Run([&]() -> Status {
    for (unsigned i = 0; i < queues; ++i) {
      fds.emplace_back(open(kTun, O_RDWR | O_CLOEXEC | O_NONBLOCK));
      if (!fds.back()) return ErrnoStatus(errno, std::string("cannot open ") + kTun);
    }
    return OkStatus();
  }));
  return fds;
}

// The first queue makes the device, the others join it.
Status Connect(Tap* tap) {
  ifreq request{};
  std::strncpy(request.ifr_name, kName, IFNAMSIZ - 1);
  const unsigned flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  request.ifr_flags =
      static_cast<short>(flags | (tap->queues.size() > 1 ? unsigned{IFF_MULTI_QUEUE} : 0U));
  for (const UniqueFd& queue : tap->queues) {
    if (ioctl(queue.get(), TUNSETIFF, &request) != 0) {
      return ErrnoStatus(errno, "cannot make a tap device");
    }
  }
  tap->name = request.ifr_name;
  return OkStatus();
}

Status Keep(const Tap& tap) {
  const int fd = tap.queues.front().get();
  if (ioctl(fd, TUNSETOWNER, 0UL) != 0 || ioctl(fd, TUNSETPERSIST, 1UL) != 0) {
    return ErrnoStatus(errno, "cannot keep it");
  }
  return OkStatus();
}

Status SetUp(Site* site, const netlink::Link& link, const Tap& tap) {
  const Mark mark{site->model, site->sandbox_id, link.index, false};
  SHOJI_RETURN_IF_ERROR(
      netlink::SetAlias(&site->socket, tap.index, mark.Text()).WithContext("cannot mark it"));
  const unsigned mtu = std::min(link.mtu, kMaxTapMtu);
  SHOJI_RETURN_IF_ERROR(netlink::SetMtu(&site->socket, tap.index, mtu)
                            .WithContext("cannot set its MTU to " + std::to_string(mtu)));
  SHOJI_RETURN_IF_ERROR(netlink::SetNoAddresses(&site->socket, tap.index)
                            .WithContext("cannot keep IPv6 addresses off it"));
  // From here on it survives this process; the mark tells whose it is.
  SHOJI_RETURN_IF_ERROR(Keep(tap));
  Status up =
      netlink::SwitchLink(&site->socket, tap.index, true).WithContext("cannot switch it on");
  if (!up.ok()) (void)netlink::DeleteLink(&site->socket, tap.index);
  return up;
}

}  // namespace

Result<Tap> MakeTap(Site* site, const netlink::Link& link, unsigned queues) {
  Tap tap;
  SHOJI_ASSIGN_OR_RETURN(tap.queues, OpenQueues(*site->pod, queues));
  SHOJI_RETURN_IF_ERROR(Connect(&tap));
  SHOJI_ASSIGN_OR_RETURN(const netlink::Link made, netlink::LinkByName(&site->socket, tap.name));
  tap.index = made.index;
  SHOJI_RETURN_IF_ERROR(SetUp(site, link, tap).WithContext("tap device " + tap.name));
  return tap;
}

std::vector<UniqueFd> OpenVhost(unsigned queues) {
  std::vector<UniqueFd> fds;
  for (unsigned i = 0; i < queues; ++i) {
    fds.emplace_back(open(kVhost, O_RDWR | O_CLOEXEC));
    if (!fds.back()) return {};
  }
  return fds;
}

Status CheckTun() {
  const UniqueFd fd(open(kTun, O_RDWR | O_CLOEXEC));
  if (fd || (errno != ENOENT && errno != ENODEV && errno != ENXIO)) return OkStatus();
  return FailedPrecondition(std::string("this machine has no ") + kTun + ": " + ErrnoText(errno) +
                            "; load the kernel module \"tun\"")
      .WithErrno(errno)
      .WithDetail("reason", "skip");
}

}  // namespace shoji::network

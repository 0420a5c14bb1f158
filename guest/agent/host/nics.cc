#include "host/nics.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "shoji/base/errno.h"
#include "shoji/base/socket.h"

namespace shoji::agent {
namespace {

constexpr int kFramesInTurn = 256;
constexpr std::size_t kMaxFrame = 80U << 10U;  // with a header of virtio, also without segments

// This process is in another network namespace while this lives.
class InNetwork {
 public:
  Status Enter(int netns) {
    own_.reset(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!own_) return ErrnoStatus(errno, "cannot open the own network namespace");
    if (setns(netns, CLONE_NEWNET) == 0) return OkStatus();
    const int error = errno;
    own_.reset();
    return ErrnoStatus(error, "cannot enter the agent's network namespace");
  }
  ~InNetwork() {
    if (own_ && setns(own_.get(), CLONE_NEWNET) < 0) _exit(1);  // nothing would be right after it
  }

 private:
  UniqueFd own_;
};

Status ParseMac(const std::string& text, sockaddr* address) {
  std::array<unsigned, 6> bytes{};
  char rest = 0;
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &bytes[0], &bytes[1], &bytes[2],
                  &bytes[3], &bytes[4], &bytes[5], &rest) != 6) {
    return InvalidArgument("\"" + text + "\" is no hardware address; write 02:00:00:00:00:01");
  }
  address->sa_family = ARPHRD_ETHER;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    address->sa_data[i] = static_cast<char>(bytes.at(i));
  }
  return OkStatus();
}

// Frames look the same on both sides: with or without virtio's header, of the same length.
Status LikeTheHosts(int host, ifreq* request, int* header) {
  ifreq theirs{};
  if (ioctl(host, TUNGETIFF, &theirs) < 0 || (theirs.ifr_flags & IFF_TAP) == 0) {
    return InvalidArgument("the descriptor of the network card is no tap device");
  }
  const int same = theirs.ifr_flags & (IFF_VNET_HDR | IFF_NO_PI);
  request->ifr_flags = static_cast<short>(IFF_TAP | same);
  *header = 0;
  if ((same & IFF_VNET_HDR) != 0 && ioctl(host, TUNGETVNETHDRSZ, header) < 0) {
    return ErrnoStatus(errno, "cannot ask for the size of the tap device's header");
  }
  // Frames come whole and with their checksums.
  (void)ioctl(host, TUNSETOFFLOAD, 0);
  return OkStatus();
}

Status Configure(ifreq request, const sockaddr& address, unsigned mtu) {
  const UniqueFd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  request.ifr_hwaddr = address;
  if (!any || ioctl(any.get(), SIOCSIFHWADDR, &request) < 0) {
    return ErrnoStatus(errno, "cannot set the hardware address of the network card");
  }
  if (mtu == 0) return OkStatus();
  request.ifr_mtu = static_cast<int>(mtu);
  if (ioctl(any.get(), SIOCSIFMTU, &request) == 0) return OkStatus();
  return ErrnoStatus(errno, "cannot set the MTU of the network card to " + std::to_string(mtu));
}

}  // namespace

Result<Nic> Nic::Make(int netns, const std::string& mac, unsigned mtu, UniqueFd tap) {
  sockaddr address{};
  SHOJI_RETURN_IF_ERROR(ParseMac(mac, &address));
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof request.ifr_name, "eth%%d");
  int header = 0;
  SHOJI_RETURN_IF_ERROR(LikeTheHosts(tap.get(), &request, &header));
  InNetwork there;
  SHOJI_RETURN_IF_ERROR(there.Enter(netns));
  UniqueFd guest(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!guest || ioctl(guest.get(), TUNSETIFF, &request) < 0) {
    return ErrnoStatus(errno, "cannot make a tap device");
  }
  if (header > 0 && ioctl(guest.get(), TUNSETVNETHDRSZ, &header) < 0) {
    return ErrnoStatus(errno, "cannot set the size of the tap device's header");
  }
  SHOJI_RETURN_IF_ERROR(Configure(request, address, mtu));
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(guest.get(), true));
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(tap.get(), true));
  return Nic(std::move(tap), std::move(guest), request.ifr_name);
}

bool Nic::Carry(int fd) {
  const int to = fd == host_.get() ? guest_.get() : host_.get();
  std::vector<char> frame(kMaxFrame);
  for (int i = 0; i < kFramesInTurn; ++i) {
    const ssize_t size = read(fd, frame.data(), frame.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN;
    if (size == 0) return false;
    // A network may lose frames: of a card that is down, or when there is no room.
    if (write(to, frame.data(), static_cast<std::size_t>(size)) < 0 && errno == EBADFD) {
      return false;
    }
  }
  return true;
}

}  // namespace shoji::agent

#include "testing/guest.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "shoji/base/deadline.h"
#include "shoji/netlink/address.h"

namespace shoji::network::testing {
namespace {

constexpr std::size_t kVnetHeader = 10;  // a tap's, until somebody asks for a longer one
constexpr std::size_t kEthernet = ETH_HLEN;
constexpr unsigned short kPort = 7;

unsigned short Number(const std::string& bytes, std::size_t at) {
  return static_cast<unsigned short>(static_cast<unsigned char>(bytes[at]) << 8U |
                                     static_cast<unsigned char>(bytes[at + 1]));
}

void Put(std::string* bytes, std::size_t at, unsigned value) {
  (*bytes)[at] = static_cast<char>(value >> 8U & 0xffU);
  (*bytes)[at + 1] = static_cast<char>(value & 0xffU);
}

void Swap(std::string* frame, std::size_t a, std::size_t b, std::size_t length) {
  const auto begin = frame->begin();
  std::swap_ranges(begin + static_cast<std::ptrdiff_t>(a),
                   begin + static_cast<std::ptrdiff_t>(a + length),
                   begin + static_cast<std::ptrdiff_t>(b));
}

unsigned Checksum(const std::string& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += Number(bytes, i);
  if (bytes.size() % 2 != 0) sum += static_cast<unsigned>(bytes.back()) << 8U & 0xff00U;
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
  return ~sum & 0xffffU;
}

// A neighbour advertisement to the solicitation in `frame`.
std::string Advertisement(const std::string& frame, const std::string& mac) {
  const std::string target = frame.substr(kEthernet + 48, 16);
  std::string body("\x88\0\0\0\x60\0\0\0", 8);  // solicited, override
  body += target + std::string("\x02\x01", 2) + mac;
  const std::string asker = frame.substr(kEthernet + 8, 16);
  std::string pseudo = target + asker + std::string("\0\0\0\x20\0\0\0\x3a", 8);
  Put(&body, 2, Checksum(pseudo + body));
  std::string answer = frame.substr(6, 6) + mac + std::string("\x86\xdd", 2);
  answer += std::string("\x60\0\0\0\0\x20\x3a\xff", 8) + target + asker + body;
  return answer;
}

sockaddr_storage AddressOf(const netlink::Prefix& prefix, unsigned short port) {
  sockaddr_storage storage{};
  if (prefix.family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    std::memcpy(&v4->sin_addr, prefix.bytes.data(), 4);
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    std::memcpy(&v6->sin6_addr, prefix.bytes.data(), 16);
  }
  return storage;
}

}  // namespace

Guest::Guest(std::vector<int> queues, const std::string& mac)
    : queues_(std::move(queues)), mac_(*netlink::ParseLinkAddress(mac)) {}

bool Guest::Send(int queue, const std::string& frame) const {
  const std::string bytes = std::string(kVnetHeader, '\0') + frame;
  return write(queue, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

std::size_t Guest::Serve() {
  std::size_t datagrams = 0;
  std::vector<char> buffer(70'000);
  for (const int queue : queues_) {
    for (ssize_t n = 0; (n = read(queue, buffer.data(), buffer.size())) > 0;) {
      const auto length = static_cast<std::size_t>(n);
      if (length < kVnetHeader + kEthernet) continue;
      datagrams += Answer(queue, std::string(buffer.data() + kVnetHeader, length - kVnetHeader));
    }
  }
  return datagrams;
}

bool Guest::Answer(int queue, std::string frame) {
  const unsigned type = Number(frame, 12);
  if (type == ETH_P_ARP && frame.size() >= kEthernet + 28 && frame[kEthernet + 7] == 1) {
    ++arp_requests_;
    std::string answer = frame.substr(6, 6) + mac_ + frame.substr(12, 8);
    answer += std::string("\0\x02", 2) + mac_ + frame.substr(kEthernet + 24, 4);
    answer += frame.substr(kEthernet + 8, 10);
    Send(queue, answer);
    return false;
  }
  const bool v4 = type == ETH_P_IP && frame.size() > kEthernet + 28;
  const bool v6 = type == ETH_P_IPV6 && frame.size() > kEthernet + 48;
  if (v6 && frame[kEthernet + 6] == IPPROTO_ICMPV6 && frame[kEthernet + 40] == '\x87' &&
      frame.size() >= kEthernet + 64) {
    Send(queue, Advertisement(frame, mac_));
    return false;
  }
  if (!(v4 && frame[kEthernet + 9] == IPPROTO_UDP) && !(v6 && frame[kEthernet + 6] == IPPROTO_UDP))
    return false;
  // Swapping what stands face to face changes no checksum.
  Swap(&frame, 0, 6, 6);
  Swap(&frame, kEthernet + (v4 ? 12U : 8U), kEthernet + (v4 ? 16U : 24U), v4 ? 4 : 16);
  Swap(&frame, kEthernet + (v4 ? 20U : 40U), kEthernet + (v4 ? 22U : 42U), 2);
  Send(queue, frame);
  return true;
}

UniqueFd UdpSocket(const netlink::NetNamespace& where, int family) {
  UniqueFd fd;
  const Status opened = where.Run([&]() -> Status {
    fd.reset(socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return OkStatus();
  });
  const int room = 16 << 20;
  if (opened.ok()) setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  return fd;
}

std::string Exchange(const netlink::NetNamespace& where, Guest* guest, const std::string& address,
                     const std::string& payload) {
  const auto prefix = netlink::ParsePrefix(address);
  const UniqueFd fd = UdpSocket(where, prefix->family);
  const sockaddr_storage to = AddressOf(*prefix, kPort);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  std::vector<char> buffer(70'000);
  const Deadline deadline = Deadline::After(std::chrono::seconds(10));
  for (bool send_now = true; !deadline.passed();) {
    if (send_now) (void)!send(fd.get(), payload.data(), payload.size(), 0);
    std::vector<pollfd> fds = {{fd.get(), POLLIN, 0}};
    for (const int queue : guest->queues()) fds.push_back({queue, POLLIN, 0});
    // Once more when nothing moves: the first one may have come before the wire was on.
    send_now = poll(fds.data(), fds.size(), 500) == 0;
    guest->Serve();
    const ssize_t n = recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (n > 0) return std::string(buffer.data(), static_cast<std::size_t>(n));
  }
  return {};
}

std::string UdpFrame(const std::string& to_mac, const std::string& from_mac,
                     const std::string& from, const std::string& to, unsigned short port,
                     const std::string& payload) {
  std::string ip("\x45\0\0\0\0\0\x40\0\x40\x11\0\0", 12);
  ip += netlink::ParsePrefix(from)->bytes + netlink::ParsePrefix(to)->bytes;
  Put(&ip, 2, static_cast<unsigned>(28 + payload.size()));
  Put(&ip, 10, Checksum(ip));
  std::string udp(8, '\0');
  Put(&udp, 0, port);
  Put(&udp, 2, port);
  Put(&udp, 4, static_cast<unsigned>(8 + payload.size()));
  return *netlink::ParseLinkAddress(to_mac) + *netlink::ParseLinkAddress(from_mac) +
         std::string("\x08\0", 2) + ip + udp + payload;
}

}  // namespace shoji::network::testing

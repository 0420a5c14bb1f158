// For tests: the network stack of a guest that does what this file says, on the descriptor of a
// tap: it has any address that it is asked for, and sends every UDP datagram back.
//
// Threads  One.
// Example  Guest guest(nic.tap_fds[0], "02:00:00:00:00:02");
//          EXPECT_EQ(Exchange(pod.outside(), &guest, "10.9.0.2", "hello"), "hello");
#ifndef SHOJI_NETWORKS_COMMON_TESTING_GUEST_H_
#define SHOJI_NETWORKS_COMMON_TESTING_GUEST_H_

#include <cstddef>
#include <string>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/netlink/namespace.h"

namespace shoji::network::testing {

class Guest {
 public:
  Guest(int tap, const std::string& mac) : Guest(std::vector<int>{tap}, mac) {}
  Guest(std::vector<int> queues, const std::string& mac);

  const std::vector<int>& queues() const { return queues_; }
  // Reads and answers what is there now; the number of frames that carried UDP.
  std::size_t Serve();
  // An Ethernet frame, as from the guest. False when the tap does not take it.
  bool Send(const std::string& frame) const { return Send(queues_[0], frame); }
  std::size_t arp_requests() const { return arp_requests_; }

 private:
  bool Send(int queue, const std::string& frame) const;
  bool Answer(int queue, std::string frame);

  const std::vector<int> queues_;
  const std::string mac_;
  std::size_t arp_requests_ = 0;
};

// A UDP socket in that namespace, not blocking, with room for a few thousand datagrams.
UniqueFd UdpSocket(const netlink::NetNamespace& where, int family);

// Sends a datagram to the guest until it comes back; empty: it did not within ten seconds.
std::string Exchange(const netlink::NetNamespace& where, Guest* guest, const std::string& address,
                     const std::string& payload);

// A UDP datagram over IPv4 in an Ethernet frame.
std::string UdpFrame(const std::string& to_mac, const std::string& from_mac,
                     const std::string& from, const std::string& to, unsigned short port,
                     const std::string& payload);

}  // namespace shoji::network::testing

#endif  // SHOJI_NETWORKS_COMMON_TESTING_GUEST_H_

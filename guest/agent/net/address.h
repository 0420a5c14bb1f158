// Addresses as the host writes them: "10.0.0.2", "fd00::/64", "02:00:00:00:00:01".
//
// Threads  Values.
// Example  SHOJI_ASSIGN_OR_RETURN(const Prefix dest, ParsePrefix("10.0.0.0/8"));
#ifndef SHOJI_GUEST_AGENT_NET_ADDRESS_H_
#define SHOJI_GUEST_AGENT_NET_ADDRESS_H_

#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::agent {

// An address with the number of its bits that count.
struct Prefix {
  int family = 0;     // AF_INET, AF_INET6
  std::string bytes;  // 4 or 16
  unsigned length = 0;

  std::string Address() const;
  std::string Text() const;  // with "/length"
  bool operator==(const Prefix&) const = default;
};

// INVALID_ARGUMENT names the text. `mask` is a length ("24") or dotted ("255.255.255.0"); empty:
// all bits.
Result<Prefix> ParseAddress(const std::string& address, const std::string& mask);
// "ADDRESS" or "ADDRESS/LENGTH".
Result<Prefix> ParsePrefix(const std::string& text);

// Bytes of a link layer address; MAC addresses in either case, and longer ones.
Result<std::string> ParseLinkAddress(const std::string& text);
std::string LinkAddressText(std::string_view bytes);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_NET_ADDRESS_H_

// Where an agent listens that takes many connections by itself.
//
// Threads  Values.
// Example  SHOJI_ASSIGN_OR_RETURN(Address address, ParseAddress("vsock://3:1024"));
#ifndef SHOJI_NOPROXY_ADDRESS_H_
#define SHOJI_NOPROXY_ADDRESS_H_

#include <cstdint>
#include <string>

#include "shoji/status.h"

namespace shoji::noproxy {

struct Address {
  std::string path;        // of hvsock; empty: vsock
  std::uint32_t cid = 0;   // of vsock
  std::uint32_t port = 0;  // of both
};

// vsock://cid:port or hvsock:///path:port. INVALID_ARGUMENT for all else, also for a serial
// channel, which takes one connection.
Result<Address> ParseAddress(const std::string& url);

}  // namespace shoji::noproxy

#endif  // SHOJI_NOPROXY_ADDRESS_H_

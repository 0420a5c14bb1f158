// gRPC's framing over HTTP/2: message prefixes, time limits, texts in trailers.
//
// Threads  Values.
// Example  MessageReader in(16 << 20); in.Add(bytes); if (in.complete()) Use(in.Take());
#ifndef SHOJI_GUEST_AGENT_RPC_WIRE_H_
#define SHOJI_GUEST_AGENT_RPC_WIRE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::agent {

inline constexpr std::size_t kPrefixBytes = 5;  // compressed flag, length (big endian)
inline constexpr std::size_t kMaxMessage = 16U << 20U;

// Puts the prefix for `length` bytes of message at the start of `buffer`.
void WritePrefix(std::size_t length, char* buffer);

// Collects the one message of a unary call from pieces of any size.
class MessageReader {
 public:
  explicit MessageReader(std::size_t max_message = kMaxMessage) : max_message_(max_message) {}

  // RESOURCE_EXHAUSTED for a message over the limit, UNIMPLEMENTED for a compressed one or
  // for a second message (no call of the agent streams).
  Status Add(std::string_view bytes);

  bool complete() const { return header_used_ == kPrefixBytes && body_.size() == length_; }
  std::size_t buffered() const { return body_.size(); }
  std::string Take() { return std::move(body_); }

 private:
  Status ReadPrefix(std::string_view* bytes);

  std::size_t max_message_;
  std::size_t header_used_ = 0;
  std::size_t length_ = 0;
  unsigned char header_[kPrefixBytes] = {};
  std::string body_;
};

// A status message as grpc-message carries it: bytes outside printable ASCII and '%' as %XX.
std::string PercentEncode(std::string_view text);

// The value of grpc-timeout ("250m": 1 to 8 digits and one of HMSmun); nothing when malformed.
std::optional<std::chrono::nanoseconds> ParseTimeout(std::string_view text);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_RPC_WIRE_H_

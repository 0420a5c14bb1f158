// Takes resets of streams that were never opened out of a client's bytes.
//
// Purpose  gRPC's C library sends RST_STREAM, and no HEADERS before it, when a call is cancelled
//          before its first frame was written. HTTP/2 calls that an error of the connection and
//          nghttp2 closes it; but one call given up must not end all others of the same client.
//          Go's server, which Kata's agent has, ignores such resets.
// Threads  One.
// Example  gate.Pass(bytes, [&](std::string_view part) { ...; return ok; });
#ifndef SHOJI_GUEST_AGENT_RPC_RESET_GATE_H_
#define SHOJI_GUEST_AGENT_RPC_RESET_GATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace shoji::agent {

class ResetGate {
 public:
  // Whether to go on; false ends Pass(), after which the gate is of no more use.
  using Sink = std::function<bool(std::string_view)>;

  // Hands on to `sink` all bytes but those of such resets, in order and in as few pieces as
  // possible; a frame's head that is not complete waits for the next call.
  void Pass(std::string_view bytes, const Sink& sink);

 private:
  static constexpr std::size_t kPrefaceBytes = 24;
  static constexpr std::size_t kHeadBytes = 9;

  // Bytes of `bytes` that belong to the head; decides once it is complete.
  std::size_t TakeHead(std::string_view bytes);
  void Judge();

  std::size_t body_left_ = kPrefaceBytes;  // of the frame, or of the preface before the first
  std::array<char, kHeadBytes> head_{};
  std::size_t head_size_ = 0;
  bool dropping_ = false;
  std::uint32_t opened_ = 0;  // the highest stream that the client opened
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_RPC_RESET_GATE_H_

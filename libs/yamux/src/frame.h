// The 12-byte yamux header as a value.
//
// Threads  Values.
// Example  const Frame f = DecodeFrame(bytes); EncodeFrame(f, &out);
#ifndef SHOJI_YAMUX_FRAME_H_
#define SHOJI_YAMUX_FRAME_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace shoji::yamux {

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::uint8_t kVersion = 0;

enum class FrameType : std::uint8_t { kData = 0, kWindowUpdate = 1, kPing = 2, kGoAway = 3 };

inline constexpr std::uint16_t kSyn = 1;
inline constexpr std::uint16_t kAck = 2;
inline constexpr std::uint16_t kFin = 4;
inline constexpr std::uint16_t kRst = 8;

struct Frame {
  std::uint8_t version = kVersion;
  FrameType type = FrameType::kData;
  std::uint16_t flags = 0;
  std::uint32_t stream = 0;
  std::uint32_t length = 0;  // bytes that follow, window delta, ping value or go-away code

  bool Has(std::uint16_t flag) const { return (flags & flag) != 0; }
};

using Header = std::array<char, kHeaderSize>;

inline Header EncodeFrame(const Frame& f) {
  const auto byte = [](std::uint32_t v) { return static_cast<char>(v & 0xFFU); };
  return {byte(f.version),       byte(static_cast<std::uint8_t>(f.type)),
          byte(f.flags >> 8U),   byte(f.flags),
          byte(f.stream >> 24U), byte(f.stream >> 16U),
          byte(f.stream >> 8U),  byte(f.stream),
          byte(f.length >> 24U), byte(f.length >> 16U),
          byte(f.length >> 8U),  byte(f.length)};
}

inline Frame DecodeFrame(const char* bytes) {
  const auto at = [bytes](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
  };
  const auto word = [&at](std::size_t i) {
    return at(i) << 24U | at(i + 1) << 16U | at(i + 2) << 8U | at(i + 3);
  };
  Frame f;
  f.version = static_cast<std::uint8_t>(at(0));
  f.type = static_cast<FrameType>(at(1));
  f.flags = static_cast<std::uint16_t>(at(2) << 8U | at(3));
  f.stream = word(4);
  f.length = word(8);
  return f;
}

}  // namespace shoji::yamux

#endif  // SHOJI_YAMUX_FRAME_H_

#include "shoji/ccproto/frame.h"

namespace shoji::ccproto {
namespace {

constexpr unsigned kVersion = 2;
constexpr std::size_t kWord = 4;
constexpr unsigned kErrorFlag = 0x10;

std::size_t At(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

std::size_t Big(std::string_view bytes, std::size_t at, std::size_t count) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8U | At(bytes, at + i);
  return value;
}

Status CheckKind(std::size_t type, std::size_t opcode) {
  constexpr std::size_t kOpcodes[] = {kSignal + 1, kSignal + 1, kLog + 1, kProcessExited + 1};
  if (type >= sizeof kOpcodes / sizeof kOpcodes[0]) {
    return InvalidArgument("a frame of cc-proxy has type " + std::to_string(type) +
                           ", which there is not");
  }
  if (opcode < kOpcodes[type]) return OkStatus();
  return InvalidArgument("a frame of cc-proxy has opcode " + std::to_string(opcode) +
                         ", which type " + std::to_string(type) + " does not have");
}

Status CheckSize(std::size_t size) {
  if (size <= kMaxPayload) return OkStatus();
  return InvalidArgument("a frame of cc-proxy has a payload of " + std::to_string(size) +
                         " bytes; at most " + std::to_string(kMaxPayload) + " are taken");
}

struct Header {
  Frame frame;
  std::size_t size = 0;
  std::size_t payload = 0;
};

// Looks at each field as soon as it is there: noise is told from a frame at its first bytes.
Result<std::optional<Header>> ParseHeader(std::string_view bytes) {
  if (bytes.size() >= 2 && Big(bytes, 0, 2) != kVersion) {
    return InvalidArgument("a frame of cc-proxy has version " + std::to_string(Big(bytes, 0, 2)) +
                           ", not 2");
  }
  if (bytes.size() > 2 && At(bytes, 2) * kWord < kHeaderSize) {
    return InvalidArgument("a frame of cc-proxy has a header of " + std::to_string(At(bytes, 2)) +
                           " words; it takes 3 at least");
  }
  if (bytes.size() < kHeaderSize) return std::optional<Header>();
  const std::size_t type = At(bytes, 6) & 0xfU;
  const std::size_t opcode = At(bytes, 7);
  Header out;
  out.size = At(bytes, 2) * kWord;
  out.payload = Big(bytes, 8, 4);
  SHOJI_RETURN_IF_ERROR(CheckKind(type, opcode));
  SHOJI_RETURN_IF_ERROR(CheckSize(out.payload));
  out.frame.type = static_cast<FrameType>(type);
  out.frame.opcode = static_cast<std::uint8_t>(opcode);
  out.frame.error = (At(bytes, 6) & kErrorFlag) != 0;
  return std::optional<Header>(std::move(out));
}

}  // namespace

Result<std::string> Encode(const Frame& frame) {
  const auto type = static_cast<unsigned>(frame.type);
  SHOJI_RETURN_IF_ERROR(CheckKind(type, frame.opcode));
  SHOJI_RETURN_IF_ERROR(CheckSize(frame.payload.size()));
  if (frame.error && frame.type != FrameType::kResponse) {
    return InvalidArgument("a frame of cc-proxy that is no response cannot be an error");
  }
  std::string out(kHeaderSize, '\0');
  out[1] = static_cast<char>(kVersion);
  out[2] = static_cast<char>(kHeaderSize / kWord);
  out[6] = static_cast<char>((frame.error ? kErrorFlag : 0U) | type);
  out[7] = static_cast<char>(frame.opcode);
  for (std::size_t i = 0; i < 4; ++i) {
    out[8 + i] = static_cast<char>(frame.payload.size() >> (8U * (3 - i)));
  }
  return out + frame.payload;
}

Result<std::optional<Frame>> FrameReader::Next() {
  SHOJI_ASSIGN_OR_RETURN(std::optional<Header> header, ParseHeader(bytes_));
  if (!header.has_value() || bytes_.size() < header->size + header->payload) {
    return std::optional<Frame>();
  }
  Frame out = std::move(header->frame);
  out.payload = bytes_.substr(header->size, header->payload);
  bytes_.erase(0, header->size + header->payload);
  return std::optional<Frame>(std::move(out));
}

}  // namespace shoji::ccproto

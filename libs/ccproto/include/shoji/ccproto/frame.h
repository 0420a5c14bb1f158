// Frames of cc-proxy's protocol, version 2.
//
// Purpose  A header of 12 bytes or more, big endian, then the payload:
//            0  version, 2 bytes: 2          6  flags (high nibble; 1: error) and type (low)
//            2  header's length in words     7  opcode
//            3  3 bytes without meaning      8  payload's length, 4 bytes
// Threads  Values; a FrameReader belongs to one thread at a time.
// Errors   INVALID_ARGUMENT for bytes that are no frame: what follows them means nothing.
// Example
//     SHOJI_ASSIGN_OR_RETURN(std::string bytes, Encode({FrameType::kStream, kStdin, false, data}));
//     reader.Add(received);
//     SHOJI_ASSIGN_OR_RETURN(std::optional<Frame> frame, reader.Next());  // nothing: not whole yet
#ifndef SHOJI_CCPROTO_FRAME_H_
#define SHOJI_CCPROTO_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::ccproto {

constexpr std::size_t kHeaderSize = 12;
// Far above any command, and what a stream is cut into by whoever sends it.
constexpr std::size_t kMaxPayload = 4U << 20U;

enum class FrameType : std::uint8_t { kCommand = 0, kResponse = 1, kStream = 2, kNotification = 3 };

// Opcodes of commands and their responses.
constexpr std::uint8_t kRegisterVm = 0;
constexpr std::uint8_t kUnregisterVm = 1;
constexpr std::uint8_t kAttachVm = 2;
constexpr std::uint8_t kHyper = 3;
constexpr std::uint8_t kConnectShim = 4;
constexpr std::uint8_t kDisconnectShim = 5;  // has no response
constexpr std::uint8_t kSignal = 6;
// Opcodes of streams.
constexpr std::uint8_t kStdin = 0;
constexpr std::uint8_t kStdout = 1;
constexpr std::uint8_t kStderr = 2;
constexpr std::uint8_t kLog = 3;
// Of notifications. Payload: the exit code, one byte.
constexpr std::uint8_t kProcessExited = 0;

struct Frame {
  FrameType type = FrameType::kCommand;
  std::uint8_t opcode = 0;
  bool error = false;  // of a response
  std::string payload;

  bool operator==(const Frame& other) const = default;
};

// INVALID_ARGUMENT for an opcode that the type does not have, an error that is no response, and a
// payload above kMaxPayload.
Result<std::string> Encode(const Frame& frame);

// Makes frames of bytes that come in pieces.
class FrameReader {
 public:
  void Add(std::string_view bytes) { bytes_.append(bytes); }
  // The next frame when all of it is there. Once it has failed, it fails.
  Result<std::optional<Frame>> Next();
  // Nothing of a frame that is not whole.
  bool empty() const { return bytes_.empty(); }

 private:
  std::string bytes_;
};

}  // namespace shoji::ccproto

#endif  // SHOJI_CCPROTO_FRAME_H_

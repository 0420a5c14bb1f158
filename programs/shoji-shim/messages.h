// The seven messages that a shim exchanges with the agent, in protobuf's wire format.
//
// Purpose  A few numbered fields each: written by hand they need no library, which would be most
//          of the program.
// Threads  Values.
// Example  Message(container, exec).Number(3, SIGTERM).Take();  // SignalProcessRequest
#ifndef SHOJI_PROGRAMS_SHIM_MESSAGES_H_
#define SHOJI_PROGRAMS_SHIM_MESSAGES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::shim {

// Every request begins with the process: 1 container, 2 exec.
class Message {
 public:
  Message(std::string_view container_id, std::string_view exec_id);
  Message& Number(unsigned field, std::uint64_t value);
  Message& Bytes(unsigned field, std::string_view value);
  std::string Take() { return std::move(text_); }

 private:
  void Varint(std::uint64_t value);
  std::string text_;
};

// Field 1 of an answer, other fields ignored; 0 and "" when it is not there, as in protobuf.
// DATA_LOSS for what is no message, or has another type there.
Result<std::uint64_t> FirstNumber(std::string_view message);
Result<std::string_view> FirstBytes(std::string_view message);

}  // namespace shoji::shim

#endif  // SHOJI_PROGRAMS_SHIM_MESSAGES_H_

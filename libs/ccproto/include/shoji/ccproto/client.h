// One connection to cc-proxy, as its runtime has it.
//
// Threads  One at a time. The descriptor's mode is left alone.
// Errors   UNAVAILABLE when the proxy has closed the connection; FAILED_PRECONDITION with the
//          proxy's words when it refuses a command; CANCELLED and DEADLINE_EXCEEDED as `limit`
//          says; INVALID_ARGUMENT for bytes that are no frame.
// Example
//     Client client(std::move(fd));
//     SHOJI_ASSIGN_OR_RETURN(std::string reply,
//                            client.Call(kAttachVm, AttachVmJson("pod", 1), {deadline}));
#ifndef SHOJI_CCPROTO_CLIENT_H_
#define SHOJI_CCPROTO_CLIENT_H_

#include <string>

#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/ccproto/frame.h"
#include "shoji/status.h"

namespace shoji::ccproto {

// How long an operation may take.
struct Limit {
  Deadline deadline;
  int cancel_fd = -1;  // readable: CANCELLED
};

class Client {
 public:
  explicit Client(UniqueFd socket) : socket_(std::move(socket)) {}

  Status Send(const Frame& frame, const Limit& limit);
  Result<Frame> Receive(const Limit& limit);

  // A command and its response: the payload. Frames that are no response are passed over.
  Result<std::string> Call(std::uint8_t command, const std::string& payload, const Limit& limit);
  // The second half of Call().
  Result<std::string> AwaitResponse(std::uint8_t command, const Limit& limit);

  int fd() const { return socket_.get(); }
  // For whoever goes on with the connection, when no response is due.
  UniqueFd Release() { return std::move(socket_); }

 private:
  UniqueFd socket_;
  FrameReader reader_;
};

}  // namespace shoji::ccproto

#endif  // SHOJI_CCPROTO_CLIENT_H_

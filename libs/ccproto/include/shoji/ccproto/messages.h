// Payloads of cc-proxy's commands: JSON.
//
// Threads  Values and functions without state.
// Errors   DATA_LOSS for an answer that makes no sense.
// Example  SHOJI_ASSIGN_OR_RETURN(IoStreams io, ParseIoStreams(reply)); io.tokens.at(0)
#ifndef SHOJI_CCPROTO_MESSAGES_H_
#define SHOJI_CCPROTO_MESSAGES_H_

#include <string>
#include <string_view>
#include <vector>

#include "shoji/status.h"

namespace shoji::ccproto {

struct RegisterVm {
  std::string container_id;  // of the pod
  std::string ctl_serial;    // path of the socket of hyperstart's control channel
  std::string io_serial;     // and of that of its streams
  std::string console;       // path, or empty
  int io_streams = 0;        // tokens wanted
};

std::string ToJson(const RegisterVm& message);
std::string AttachVmJson(const std::string& container_id, int io_streams);
std::string UnregisterVmJson(const std::string& container_id);
// `data`: the JSON of the command to hyperstart; empty: none.
Result<std::string> HyperJson(const std::string& name, const std::vector<std::string>& tokens,
                              const std::string& data);

// In the replies to RegisterVM and AttachVM when tokens were wanted.
struct IoStreams {
  std::string url;  // where shims claim them
  std::vector<std::string> tokens;
};
Result<IoStreams> ParseIoStreams(std::string_view reply);

// What an error reply says; something in any case.
std::string ErrorText(std::string_view reply);

}  // namespace shoji::ccproto

#endif  // SHOJI_CCPROTO_MESSAGES_H_

// The agent's messages: the end of them in a file, all that come for one reader.
//
// Purpose  The file tells why an agent ended, also when nobody is left to ask. Neither a full
//          disk nor a slow reader ever holds the agent up.
// Threads  One.
// Bounds   The file has at most kMaxFile bytes.
// Example  LogTail tail("/run/x/agent.log"); tail.Add(text);
#ifndef SHOJI_GUEST_AGENT_HOST_LOG_TAIL_H_
#define SHOJI_GUEST_AGENT_HOST_LOG_TAIL_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::agent {

class LogTail {
 public:
  static constexpr std::size_t kMaxFile = 128U << 10U;
  static constexpr std::size_t kKept = 64U << 10U;  // when it gets larger than that

  // Empty: no file.
  explicit LogTail(std::string path);

  void Add(std::string_view text);
  // A stream that begins with what is kept. ABORTED while another reader has one.
  Result<UniqueFd> OpenConsole();

 private:
  void Rewrite();

  std::string path_;
  std::string kept_;
  UniqueFd file_;
  UniqueFd console_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_HOST_LOG_TAIL_H_

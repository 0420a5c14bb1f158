// Lines over a non-blocking socket, with time limits.
//
// Threads  One at a time.
// Example  SHOJI_ASSIGN_OR_RETURN(std::string line, channel.ReadLine(limit));
#ifndef SHOJI_QMP_SRC_LINE_CHANNEL_H_
#define SHOJI_QMP_SRC_LINE_CHANNEL_H_

#include <string>
#include <string_view>

#include "shoji/base/unique_fd.h"
#include "shoji/qmp/client.h"
#include "shoji/status.h"

namespace shoji::internal {

class LineChannel {
 public:
  static constexpr std::size_t kMaxLine = 4U << 20U;

  explicit LineChannel(UniqueFd socket) : socket_(std::move(socket)) {}
  int fd() const { return socket_.get(); }

  // The next line that is not blank, without its end. UNAVAILABLE at the end of the stream.
  Result<std::string> ReadLine(const QmpLimit& limit);

  // Writes all of `text`; `passed_fd` travels with its first byte when it is not -1.
  // A text that was cut off half way breaks the channel: nothing more can be sent.
  Status Write(std::string_view text, int passed_fd, const QmpLimit& limit);

 private:
  Status Wait(short events, const QmpLimit& limit) const;
  Status Fill(const QmpLimit& limit);
  std::string TakeLine();

  UniqueFd socket_;
  std::string buffer_;
  std::size_t searched_ = 0;  // no line end before this
  bool cut_ = false;
};

}  // namespace shoji::internal

#endif  // SHOJI_QMP_SRC_LINE_CHANNEL_H_

// The line between the agent and a child that is becoming a container process.
//
// Purpose  The child says "ready", sends its terminal, or tells why it failed: every failure
//          reaches the caller with its code and whole message. The end of the line without a
//          word means that exec has succeeded (or that the child was killed).
// Threads  One at each end.
// Example  child:  channel.SendFailure(status); _exit(1);
//          parent: SHOJI_ASSIGN_OR_RETURN(Message m, channel.Receive());
#ifndef SHOJI_GUEST_AGENT_JAIL_CHANNEL_H_
#define SHOJI_GUEST_AGENT_JAIL_CHANNEL_H_

#include <string>
#include <string_view>
#include <utility>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::jail {

enum class Word : char {
  kGo = 'G',        // parent: id maps are written
  kStart = 'S',     // parent: exec now
  kMounted = 'M',   // child: the root is built, hooks may look
  kReady = 'R',     // child: everything up to exec is done
  kTerminal = 'T',  // child: here is the pty
  kFailure = 'F',   // child: this went wrong
  kEnd = 'E',       // the other end is gone
  kNothing = 'N',   // it has not said anything
};

struct Message {
  Word word = Word::kEnd;
  Status failure;  // kFailure
  UniqueFd fd;     // kTerminal
};

class Channel {
 public:
  static Result<std::pair<Channel, Channel>> Make();

  Channel() = default;
  int fd() const { return fd_.get(); }
  void Close() { fd_.reset(); }

  Status Send(Word word, int fd = -1) const;
  // Best effort: a child that cannot report ends with an exit code all the same.
  void SendFailure(const Status& status) const;
  Result<Message> Receive() const;
  // kNothing: there is no message yet.
  Result<Message> TryReceive() const;
  // Receives and expects one word; a failure told by the other end becomes the result.
  Result<Message> Expect(Word word, std::string_view doing) const;
  // Whether it is that word.
  static Status Check(const Message& message, Word word, std::string_view doing);

 private:
  explicit Channel(int fd) : fd_(fd) {}
  Result<Message> Receive(int flags) const;

  UniqueFd fd_;
};

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_CHANNEL_H_

// The writing end of a process's stdin, and the calls that wait for room in it.
//
// Threads  The loop's.
// Bounds   Bytes that wait belong to unanswered calls, which the connection counts.
// Example  pipe.Write(call, std::move(*request.mutable_data())); pipe.Close();
#ifndef SHOJI_GUEST_AGENT_SERVICE_INPUT_PIPE_H_
#define SHOJI_GUEST_AGENT_SERVICE_INPUT_PIPE_H_

#include <cstddef>
#include <deque>
#include <string>

#include "loop/loop.h"
#include "rpc/call.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent {

class InputPipe {
 public:
  InputPipe(Loop* loop, UniqueFd fd, bool terminal);
  ~InputPipe();
  InputPipe(const InputPipe&) = delete;
  InputPipe& operator=(const InputPipe&) = delete;

  // Answers when all bytes are in the pipe; with length 0 when it is closed.
  void Write(const CallPtr& call, std::string data);
  // Closes after what was written before; on a terminal, sends its end-of-file character.
  void Close();
  // The terminal, or -1.
  int terminal_fd() const { return terminal_ ? fd_.get() : -1; }

 private:
  struct Pending {
    CallPtr call;
    std::string data;
    std::size_t done = 0;
  };

  void Serve();
  bool WriteFront();  // false: the pipe is full
  void Fail(int error);
  void Wait();
  void Shut();

  Loop* loop_;
  UniqueFd fd_;
  bool terminal_;
  bool closing_ = false;  // no more is taken
  bool watched_ = false;
  std::deque<Pending> pending_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_INPUT_PIPE_H_

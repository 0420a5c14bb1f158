// The reading end of a process's stdout or stderr, and the calls that wait for its data.
//
// Purpose  Answers ReadStdout and ReadStderr: at once when there is data, else when some
//          arrives. Reads only for a call that can be answered, so that no byte is lost
//          with a client, and the process is held up by its pipe as it would be anywhere.
// Threads  The loop's.
// Example  pipe.Read(call, request.len());
#ifndef SHOJI_GUEST_AGENT_SERVICE_OUTPUT_PIPE_H_
#define SHOJI_GUEST_AGENT_SERVICE_OUTPUT_PIPE_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "loop/loop.h"
#include "rpc/call.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent {

class OutputPipe {
 public:
  OutputPipe(Loop* loop, UniqueFd fd);
  ~OutputPipe();  // waiting calls are told the end
  OutputPipe(const OutputPipe&) = delete;
  OutputPipe& operator=(const OutputPipe&) = delete;

  // Answers with 1 to `length` bytes, or OUT_OF_RANGE "EOF" after the last one. A `length` of 0
  // ends the waiting of all others: they and it are answered with no bytes.
  void Read(const CallPtr& call, std::size_t length);

  bool at_end() const { return !fd_; }
  // Runs when the end was read, from inside this pipe: do not destroy it there.
  void OnEnd(std::function<void()> task) { on_end_ = std::move(task); }

 private:
  enum class Outcome { kAnswered, kNothingYet };
  void SendReadersHome(const CallPtr& call);
  Outcome TryRead(const CallPtr& call, std::size_t length);
  void Serve();
  void Wait();
  void End();

  Loop* loop_;
  UniqueFd fd_;
  bool watched_ = false;
  std::deque<std::pair<CallPtr, std::size_t>> readers_;
  std::function<void()> on_end_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_OUTPUT_PIPE_H_

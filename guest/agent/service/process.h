// A process in a container as clients see it: its stdio, and who waits for its end.
//
// Threads  The loop's.
// Example  auto process = std::make_unique<Process>(&loop, &reaper, std::move(started));
#ifndef SHOJI_GUEST_AGENT_SERVICE_PROCESS_H_
#define SHOJI_GUEST_AGENT_SERVICE_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <list>
#include <optional>

#include "jail/container.h"
#include "loop/loop.h"
#include "rpc/call.h"
#include "service/input_pipe.h"
#include "service/output_pipe.h"
#include "service/reaper.h"

namespace shoji::agent {

class Process {
 public:
  // `pipe_bytes`: size of the pipes; 0 takes the largest that is allowed.
  Process(Loop* loop, Reaper* reaper, jail::Process started, unsigned pipe_bytes);
  ~Process();  // who waits is told that the process is gone
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool terminal() const { return terminal_; }
  const std::optional<int>& exit_code() const { return exit_code_; }

  InputPipe& in() { return stdin_; }
  OutputPipe& out() { return stdout_; }
  OutputPipe& err() { return stderr_; }

  // Answers with the exit code when there is one.
  void Wait(const CallPtr& call);
  // Somebody heard the exit code.
  bool told() const { return told_; }
  // Runs when nobody needs the process any more: its end was told, its output read.
  void OnFinished(std::function<void()> task) { on_finished_ = std::move(task); }

  // The process gets SIGKILL for a SIGTERM that its init does not handle: the kernel
  // drops the latter for the first process of a pid namespace.
  Status Signal(int signal, bool is_init);
  Status Resize(unsigned rows, unsigned columns);

 private:
  void Exited(int exit_code);
  void Tell(const CallPtr& call);
  void CheckFinished();

  Reaper* reaper_;
  pid_t pid_;
  bool terminal_;
  std::optional<int> exit_code_;
  bool told_ = false;
  InputPipe stdin_;
  OutputPipe stdout_;
  OutputPipe stderr_;
  std::list<CallPtr> waiters_;
  std::function<void()> on_finished_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_PROCESS_H_

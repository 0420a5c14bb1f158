// Joins the caller's stdin, stdout, stderr, terminal and signals to a process in a guest.
//
// Purpose  What `shoji run` and `shoji exec` do once the process runs: every byte both ways,
//          end of file, signals, window size, and its exit status.
// Threads  Call from one thread; it starts one per stream and joins them before it returns.
// Example  Result<int> status = RunSession(*sandbox, id, id, {.interactive = true}, *relay);
#ifndef SHOJI_PROGRAMS_SHOJI_PROCESS_SESSION_H_
#define SHOJI_PROGRAMS_SHOJI_PROCESS_SESSION_H_

#include <memory>
#include <string>

#include "shoji/sandbox.h"
#include "shoji/status.h"
#include "signal_relay.h"
#include "terminal.h"

namespace shoji::cli {

struct SessionOptions {
  bool interactive = false;         // give it our stdin; else it sees end of file at once
  bool terminal = false;            // it has a terminal: ours goes into raw mode
  std::shared_ptr<RawMode> mode{};  // of our terminal, by PrepareStdio()
};

// Before the process is made: where shims are processes, that of this one takes our descriptors
// as they are then, and changes the mode of our terminal.
Status PrepareStdio(SessionOptions& options);

// The exit status of the process: 0 to 255, 128 + signal. An error when the guest was lost.
Result<int> RunSession(Sandbox& sandbox, const std::string& container_id,
                       const std::string& process_id, const SessionOptions& options,
                       SignalRelay& relay);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_PROCESS_SESSION_H_

// A process in the guest, as if it ran here.
//
// Purpose  Its streams are ours, our signals are its, its end is ours: output first, then the
//          exit status, so that the last byte is out before anybody hears that it has ended.
// Threads  One; blocks the signals it passes on in the calling thread.
// Example  const Result<int> status = Relay(options, std::move(fd)).Run();
#ifndef SHOJI_PROGRAMS_SHIM_RELAY_H_
#define SHOJI_PROGRAMS_SHIM_RELAY_H_

#include <string>
#include <string_view>

#include "control.h"
#include "grpc_client.h"
#include "messages.h"
#include "options.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::shim {

// Keeps what is passed on until Run(). For process 1 of a PID namespace, which would lose it.
void BlockSignals();

class Relay {
 public:
  // `fd` is a connection to the agent. `control`: others ask for signals there; may be null.
  Relay(const Options& options, UniqueFd fd, Control* control = nullptr);

  // The exit status of the process; an error when it could not be learned.
  Result<int> Run();

 private:
  // From the guest to a descriptor of ours; one read is under way, or its bytes wait.
  struct Output {
    int fd;
    const char* method;
    std::string waiting{};
    std::size_t written = 0;
    bool asked = false;
    bool ended = false;
    bool closed = false;  // by the process, and not because it cannot be read
    bool nobody_reads = false;
    bool let_go = false;  // nothing comes any more, and we have it no longer

    bool has_bytes() const { return written < waiting.size(); }
    bool done() const { return ended && !has_bytes(); }
  };

  Status Open();
  Status Step();
  void LetGo(Output* output);
  void Ask(Output* output);
  void OnOutput(Output* output, const Answer& answer);
  void Write(Output* output);
  void ReadInput();
  void SendInput();
  void CloseInput();
  void OnSignal();
  void OnControl();
  void EndAs(int number);
  void SendSize();
  void SendSignal(int number);
  void AwaitExit();
  Message Request() const { return {options_.container_id, options_.exec_id}; }
  void Tell(const char* method, std::string request);

  const Options& options_;
  GrpcClient client_;
  Control* const control_;
  UniqueFd signals_;
  const UniqueFd null_;  // opened at once: later our root may be another
  Output out_{1, "ReadStdout"};
  Output err_{2, "ReadStderr"};
  std::string input_;  // not taken by the guest yet
  bool input_busy_ = false;
  bool input_ended_ = false;
  bool waiting_ = false;
  bool exited_ = false;
  int exit_status_ = 0;
  Status failed_;
};

}  // namespace shoji::shim

#endif  // SHOJI_PROGRAMS_SHIM_RELAY_H_

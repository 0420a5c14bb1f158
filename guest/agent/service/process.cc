#include "service/process.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>

#include "shoji-kata/agent.pb.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji::agent {
namespace {

constexpr unsigned kLargePipe = 1U << 20U;

UniqueFd Enlarged(UniqueFd pipe, unsigned bytes) {
  // As large as is allowed; a small pipe is slower, nothing more.
  if (pipe) fcntl(pipe.get(), F_SETPIPE_SZ, static_cast<int>(bytes == 0 ? kLargePipe : bytes));
  return pipe;
}

bool Handles(pid_t pid, int signal) {
  constexpr std::string_view kField = "SigCgt:\t";
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/status", 1U << 16U);
  if (!text.ok()) return false;
  const std::size_t at = text.value().find(kField);
  if (at == std::string::npos) return false;
  const auto mask = std::strtoull(text.value().c_str() + at + kField.size(), nullptr, 16);
  return ((mask >> static_cast<unsigned>(signal - 1)) & 1U) != 0;
}

}  // namespace

Process::Process(Loop* loop, Reaper* reaper, jail::Process started, unsigned pipe_bytes)
    : reaper_(reaper),
      pid_(started.pid),
      terminal_(started.terminal),
      stdin_(loop, Enlarged(std::move(started.stdin_fd), pipe_bytes), started.terminal),
      stdout_(loop, Enlarged(std::move(started.stdout_fd), pipe_bytes)),
      stderr_(loop, Enlarged(std::move(started.stderr_fd), pipe_bytes)) {
  reaper_->Expect(pid_, [this](int exit_code) { Exited(exit_code); });
  stdout_.OnEnd([this] { CheckFinished(); });
  stderr_.OnEnd([this] { CheckFinished(); });
}

Process::~Process() {
  reaper_->Forget(pid_);
  for (const CallPtr& call : std::exchange(waiters_, {})) {
    call->Finish(NotFound("the process was removed"));
  }
}

void Process::Exited(int exit_code) {
  exit_code_ = exit_code;
  for (const CallPtr& call : std::exchange(waiters_, {})) Tell(call);
}

void Process::Tell(const CallPtr& call) {
  if (!call->open()) return;
  grpc::WaitProcessResponse reply;
  reply.set_status(*exit_code_);
  call->Reply(reply);
  told_ = true;
  CheckFinished();
}

void Process::CheckFinished() {
  if (!told_ || !stdout_.at_end() || !stderr_.at_end()) return;
  if (auto task = std::exchange(on_finished_, nullptr)) task();
}

void Process::Wait(const CallPtr& call) {
  if (exit_code_) return Tell(call);
  waiters_.push_back(call);
  call->OnGone([this, raw = call.get()] {
    waiters_.remove_if([raw](const CallPtr& waiter) { return waiter.get() == raw; });
  });
}

Status Process::Signal(int signal, bool is_init) {
  if (exit_code_) return OkStatus();
  const int sent = is_init && signal == SIGTERM && !Handles(pid_, signal) ? SIGKILL : signal;
  if (kill(pid_, sent) == 0 || errno == ESRCH) return OkStatus();
  return ErrnoStatus(errno, "cannot send signal " + std::to_string(signal) + " to process " +
                                std::to_string(pid_));
}

Status Process::Resize(unsigned rows, unsigned columns) {
  if (!terminal_) return FailedPrecondition("the process has no terminal");
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  const int fd = stdin_.terminal_fd();
  if (fd < 0 || ioctl(fd, TIOCSWINSZ, &size) < 0) {
    return ErrnoStatus(fd < 0 ? EBADF : errno, "cannot change the size of the terminal");
  }
  return OkStatus();
}

}  // namespace shoji::agent

#include "relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <optional>
#include <utility>

#include "shoji/base/errno.h"
#include "shoji/base/unique_fd.h"
#include "terminal_mode.h"

namespace shoji::shim {

namespace {

constexpr std::uint64_t kRead = 256U << 10U;
constexpr std::size_t kInput = 32U << 10U;
// A descriptor that is ready takes this much without blocking, whatever it is.
constexpr std::size_t kPiece = 4096;
constexpr int kOutOfRange = 11;  // how the agent says "end of file"

std::string PathOf(const char* method) { return std::string("/grpc.AgentService/") + method; }

constexpr int kFaults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGSYS, SIGTRAP};

bool TellsOfAFault(int number) {
  return std::find(std::begin(kFaults), std::end(kFaults), number) != std::end(kFaults);
}

// What is passed on: all but those that tell of our own faults and children. As process 1 of a
// PID namespace we take those of faults too: the kernel drops any that would end such a process,
// when somebody sends them; real faults end it all the same.
sigset_t PassedOn() {
  sigset_t set;
  sigfillset(&set);
  sigdelset(&set, SIGCHLD);
  sigdelset(&set, SIGPIPE);
  if (getpid() == 1) return set;
  for (const int own : kFaults) sigdelset(&set, own);
  return set;
}

Status FailureOf(const char* method, const Answer& answer) {
  return Unavailable(std::string(method) + " failed with " + std::to_string(answer.code) + ": " +
                     answer.message);
}

}  // namespace

void BlockSignals() {
  const sigset_t set = PassedOn();
  sigprocmask(SIG_SETMASK, &set, nullptr);
}

Status Relay::Open() {
  const sigset_t set = PassedOn();
  if (sigprocmask(SIG_SETMASK, &set, nullptr) < 0) return ErrnoStatus(errno, "sigprocmask");
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  signals_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  return signals_ ? OkStatus() : ErrnoStatus(errno, "cannot wait for signals");
}

Relay::Relay(const Options& options, UniqueFd fd, Control* control)
    : options_(options),
      client_(std::move(fd)),
      control_(control),
      null_(open("/dev/null", O_WRONLY | O_CLOEXEC)) {}

Result<int> Relay::Run() {
  SHOJI_RETURN_IF_ERROR(Open());
  std::optional<TerminalMode> raw;
  if (options_.terminal && isatty(STDIN_FILENO) != 0) {
    SHOJI_ASSIGN_OR_RETURN(TerminalMode mode, TerminalMode::Raw(STDIN_FILENO));
    raw.emplace(std::move(mode));
  }
  err_.ended = err_.let_go = options_.terminal;  // a terminal has one stream
  if (options_.terminal) SendSize();
  while (!exited_) SHOJI_RETURN_IF_ERROR(Step());
  return options_.pass_exit_code ? exit_status_ : 0;
}

Status Relay::Step() {
  for (Output* output : {&out_, &err_}) {
    if (!output->ended && !output->asked && !output->has_bytes()) Ask(output);
  }
  for (Output* output : {&out_, &err_}) {
    if (output->done() && output->closed && !output->let_go) LetGo(output);
  }
  if (out_.done() && err_.done() && !waiting_) AwaitExit();
  const bool read_input = !input_ended_ && !input_busy_;
  std::array<pollfd, 6> fds = {{{client_.fd(), client_.events(), 0},
                                {signals_.get(), POLLIN, 0},
                                {read_input ? STDIN_FILENO : -1, POLLIN, 0},
                                {out_.has_bytes() ? out_.fd : -1, POLLOUT, 0},
                                {err_.has_bytes() ? err_.fd : -1, POLLOUT, 0},
                                {control_ != nullptr ? control_->fd() : -1, POLLIN, 0}}};
  if (poll(fds.data(), fds.size(), -1) < 0) {
    return errno == EINTR ? OkStatus() : ErrnoStatus(errno, "poll");
  }
  if (fds[1].revents != 0) OnSignal();
  if (fds[2].revents != 0) ReadInput();
  if (fds[3].revents != 0) Write(&out_);
  if (fds[4].revents != 0) Write(&err_);
  if (fds[5].revents != 0) OnControl();
  if (fds[0].revents != 0) SHOJI_RETURN_IF_ERROR(client_.OnReady());
  return failed_;
}

// The process has closed it: whoever reads ours shall see its end, too, and not wait for the exit.
void Relay::LetGo(Output* output) {
  output->let_go = true;
  if (null_) (void)dup2(null_.get(), output->fd);
}

void Relay::Ask(Output* output) {
  output->asked = true;
  client_.Call(PathOf(output->method), Request().Number(3, kRead).Take(),
               [this, output](const Answer& answer) { OnOutput(output, answer); });
}

void Relay::OnOutput(Output* output, const Answer& answer) {
  output->asked = false;
  if (answer.code == kOutOfRange) {
    output->ended = output->closed = true;
    return;
  }
  const auto bytes = FirstBytes(answer.body);
  if (answer.code != 0 || !bytes.ok()) {
    // Whether it ever ran is told by WaitProcess, which asks for the same process.
    output->ended = true;
    output->closed = answer.code == 0;
    return;
  }
  if (output->nobody_reads) return;
  output->waiting = *bytes;
  output->written = 0;
}

void Relay::Write(Output* output) {
  const std::size_t left = output->waiting.size() - output->written;
  const ssize_t n =
      write(output->fd, output->waiting.data() + output->written, std::min(left, kPiece));
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n >= 0) {
    output->written += static_cast<std::size_t>(n);
    return;
  }
  // Nobody reads any more. Here SIGPIPE would end it; in its namespace it may be immune.
  output->nobody_reads = true;
  output->waiting.clear();
  output->written = 0;
  SendSignal(SIGKILL);
}

void Relay::ReadInput() {
  input_.resize(kInput);
  const ssize_t n = read(STDIN_FILENO, input_.data(), input_.size());
  input_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) return CloseInput();
  SendInput();
}

void Relay::SendInput() {
  input_busy_ = true;
  client_.Call(PathOf("WriteStdin"), Request().Bytes(3, input_).Take(), [this](const Answer& a) {
    input_busy_ = false;
    const auto taken = FirstNumber(a.body);
    if (a.code != 0 || !taken.ok() || *taken == 0) {
      input_ended_ = true;  // nobody reads there any more
      return;
    }
    input_.erase(0, static_cast<std::size_t>(std::min<std::uint64_t>(*taken, input_.size())));
    if (!input_.empty()) SendInput();
  });
}

void Relay::CloseInput() {
  input_ended_ = true;
  Tell("CloseStdin", Request().Take());
}

void Relay::OnSignal() {
  signalfd_siginfo info{};
  if (read(signals_.get(), &info, sizeof info) != sizeof info) return;
  const int number = static_cast<int>(info.ssi_signo);
  if (TellsOfAFault(number)) return EndAs(number);
  if (number != SIGWINCH) return SendSignal(number);
  if (options_.terminal) SendSize();
}

void Relay::OnControl() {
  control_->OnReady([this](const std::string& exec_id, int number, GrpcClient::Done done) {
    Message request(options_.container_id, exec_id);
    client_.Call(PathOf("SignalProcess"),
                 request.Number(3, static_cast<std::uint64_t>(number)).Take(), std::move(done));
  });
}

// As if the signal had ended us.
void Relay::EndAs(int number) {
  exited_ = true;
  exit_status_ = 128 + number;
}

void Relay::SendSize() {
  const auto size = WindowSizeOf(STDIN_FILENO);
  if (!size) return;
  Tell("TtyWinResize", Request().Number(3, size->rows).Number(4, size->columns).Take());
}

void Relay::SendSignal(int number) {
  Tell("SignalProcess", Request().Number(3, static_cast<std::uint64_t>(number)).Take());
}

// It may have ended meanwhile: what comes back changes nothing.
void Relay::Tell(const char* method, std::string request) {
  client_.Call(PathOf(method), request, [](const Answer&) {});
}

void Relay::AwaitExit() {
  waiting_ = true;
  client_.Call(PathOf("WaitProcess"), Request().Take(), [this](const Answer& answer) {
    const auto status = FirstNumber(answer.body);
    if (answer.code != 0) {
      failed_ = FailureOf("WaitProcess", answer);
    } else if (!status.ok()) {
      failed_ = status.status();
    } else {
      exited_ = true;
      exit_status_ = static_cast<int>(*status & 0xffU);
    }
  });
}

}  // namespace shoji::shim

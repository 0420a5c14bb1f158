#include "process_session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "terminal.h"

namespace shoji::cli {
namespace {

constexpr std::size_t kBufferSize = std::size_t{1} << 20U;

class Session {
 public:
  Session(Sandbox& sandbox, std::string container_id, std::string process_id,
          const SessionOptions& options)
      : sandbox_(sandbox),
        container_id_(std::move(container_id)),
        process_id_(std::move(process_id)),
        options_(options) {}

  Result<int> Run(SignalRelay& relay) {
    SHOJI_ASSIGN_OR_RETURN(const std::int32_t shim, sandbox_.ShimPid(container_id_, process_id_));
    if (options_.mode != nullptr) SHOJI_RETURN_IF_ERROR(options_.mode->Enter());
    const Result<int> status = shim > 0 ? WaitFor(relay) : Copy(relay);
    if (options_.mode != nullptr) options_.mode->Leave();
    return status;
  }

 private:
  // Its shim has our descriptors, and ends when all is written.
  Result<int> WaitFor(SignalRelay& relay) {
    relay.Attach([this](int signal) { OnSignal(signal); });
    if (options_.terminal) Resize();  // it may have changed before we listened
    const Result<std::int32_t> status = sandbox_.WaitProcess(container_id_, process_id_);
    relay.Detach();
    if (!status.ok()) return status.status();
    return *status & 0xff;
  }

  Result<int> Copy(SignalRelay& relay) {
    stop_.reset(eventfd(0, EFD_CLOEXEC));
    if (!stop_) return ErrnoStatus(errno, "cannot create an event descriptor");
    SHOJI_ASSIGN_OR_RETURN(io_, sandbox_.IOStream(container_id_, process_id_));
    relay.Attach([this](int signal) { OnSignal(signal); });
    if (options_.terminal) Resize();
    const Result<int> status = Relay();
    relay.Detach();
    return status;
  }

  using Reader = Result<std::size_t> (ProcessIo::*)(char*, std::size_t);

  // Output first, then the exit status: the last byte must be out before we say it ended.
  Result<int> Relay() {
    std::thread in([this] { PumpInput(); });
    std::thread err([this] {
      if (!options_.terminal) PumpOutput(&ProcessIo::ReadStderr, STDERR_FILENO);
    });
    PumpOutput(&ProcessIo::ReadStdout, STDOUT_FILENO);
    err.join();
    const Result<std::int32_t> status = sandbox_.WaitProcess(container_id_, process_id_);
    StopInput();
    in.join();
    if (!status.ok()) return status.status();
    return output_lost_ ? LostOutputStatus() : Result<int>(*status & 0xff);
  }

  void PumpOutput(Reader read, int fd) {
    const auto buffer = std::make_unique<char[]>(kBufferSize);
    for (;;) {
      const Result<std::size_t> n = (io_.get()->*read)(buffer.get(), kBufferSize);
      // Why a stream broke is told by WaitProcess, which asks for the same process.
      if (!n.ok() || *n == 0) return;
      if (output_lost_) continue;
      const Status written = WriteAll(fd, {buffer.get(), *n});
      if (!written.ok()) LoseOutput(written.sys_errno());
    }
  }

  // Nobody reads any more. Init of a pid namespace ignores SIGPIPE, so end it for good.
  void LoseOutput(int error) {
    if (output_lost_.exchange(true)) return;
    output_error_ = error;
    (void)sandbox_.SignalProcess(container_id_, process_id_, SIGKILL);
  }

  // A reader that went away ends a command with SIGPIPE when there is no VM between.
  Result<int> LostOutputStatus() const {
    if (output_error_ == EPIPE) return 128 + SIGPIPE;
    return ErrnoStatus(output_error_, "cannot pass on the output of the container");
  }

  void PumpInput() {
    if (options_.interactive) CopyInput();
    (void)io_->CloseStdin();
  }

  void CopyInput() {
    const auto buffer = std::make_unique<char[]>(kBufferSize);
    for (;;) {
      pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      if (poll(fds, 2, -1) < 0 && errno == EINTR) continue;
      if (fds[1].revents != 0) return;
      const ssize_t n = read(STDIN_FILENO, buffer.get(), kBufferSize);
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n <= 0) return;
      if (!io_->WriteStdin({buffer.get(), static_cast<std::size_t>(n)}).ok()) return;
    }
  }

  void StopInput() {
    const std::uint64_t one = 1;
    (void)!write(stop_.get(), &one, sizeof(one));
    io_->Cancel();
  }

  void OnSignal(int signal) {
    if (signal != SIGWINCH) {
      (void)sandbox_.SignalProcess(container_id_, process_id_, signal);
    } else if (options_.terminal) {
      Resize();
    }
  }

  void Resize() {
    auto size = WindowSizeOf(STDIN_FILENO);
    if (!size) size = WindowSizeOf(STDOUT_FILENO);
    if (size) {
      (void)sandbox_.WinsizeProcess(container_id_, process_id_, size->rows, size->columns);
    }
  }

  Sandbox& sandbox_;
  const std::string container_id_;
  const std::string process_id_;
  const SessionOptions& options_;
  UniqueFd stop_;
  std::unique_ptr<ProcessIo> io_;
  std::atomic<bool> output_lost_ = false;
  std::atomic<int> output_error_ = 0;
};

}  // namespace

Status PrepareStdio(SessionOptions& options) {
  if (!options.interactive) {
    const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (null && dup2(null.get(), STDIN_FILENO) == STDIN_FILENO) return OkStatus();
    return ErrnoStatus(errno, "cannot give the process an empty input");
  }
  if (!options.terminal || isatty(STDIN_FILENO) == 0) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(RawMode mode, RawMode::Watch(STDIN_FILENO));
  options.mode = std::make_shared<RawMode>(std::move(mode));
  return OkStatus();
}

Result<int> RunSession(Sandbox& sandbox, const std::string& container_id,
                       const std::string& process_id, const SessionOptions& options,
                       SignalRelay& relay) {
  return Session(sandbox, container_id, process_id, options).Run(relay);
}

}  // namespace shoji::cli

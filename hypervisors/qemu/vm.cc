#include "vm.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "names.h"
#include "recipe.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"
#include "shoji/spawn/spawn.h"
#include "snapshot.h"
#include "spawner.h"
#include "vm_process.h"

namespace shoji::qemu {
namespace {

using std::chrono::seconds;

// Limits for callers that give none.
constexpr seconds kStartLimit{120};
constexpr seconds kQuitLimit{5};
constexpr seconds kKillLimit{10};
constexpr std::size_t kShownWords = 1024;  // of the last words, in an error

Deadline DeadlineOf(const sdk::HypervisorCall& call) {
  return call.deadline_ns == 0 ? Deadline::Never() : Deadline::FromNanos(call.deadline_ns);
}

// Waits for the end of a process: true when it came before the deadline.
Result<bool> WaitGone(int pidfd, const QmpLimit& limit) {
  for (;;) {
    pollfd entries[2] = {{pidfd, POLLIN, 0}, {limit.cancel_fd, POLLIN, 0}};
    const int rc = poll(entries, 2, limit.deadline.PollTimeout());
    if (rc < 0 && errno != EINTR) return ErrnoStatus(errno, "cannot wait for QEMU");
    if (rc > 0 && entries[0].revents != 0) return true;
    if (rc > 0) return Cancelled("cancelled while waiting for the end of QEMU");
    if (limit.deadline.passed()) return false;
  }
}

// Takes the exit status when the process is a child of ours that has ended.
std::optional<ExitStatus> Reap(int pidfd) {
  siginfo_t info{};
  const int rc =
      waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG);
  if (rc < 0 || info.si_pid == 0) return std::nullopt;
  if (info.si_code == CLD_EXITED) return ExitStatus{info.si_status, 0};
  return ExitStatus{0, info.si_status};
}

// A killed process needs a moment also when the caller's time is over already.
Deadline KillDeadline(Deadline wanted) {
  const Deadline at_least = Deadline::After(std::chrono::milliseconds(900));
  const Deadline at_most = Deadline::After(kKillLimit);
  if (wanted.never()) return at_most;
  return wanted.nanos() < at_least.nanos() ? at_least : wanted.Min(at_most);
}

Status KillAndWait(int pidfd, Deadline deadline) {
  if (!HasEnded(pidfd) && syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) < 0 &&
      errno != ESRCH) {
    return ErrnoStatus(errno, "cannot kill QEMU");
  }
  SHOJI_ASSIGN_OR_RETURN(const bool gone, WaitGone(pidfd, {KillDeadline(deadline)}));
  if (!gone) return DeadlineExceeded("QEMU does not end although it was killed");
  Reap(pidfd);
  return OkStatus();
}

// Once hvc0 exists the kernel writes to both; what the guest's programs write is there only.
std::string ConsoleText(const TailReader& tail) {
  std::string text = tail.Text(kConsole);
  return text.empty() ? tail.Text(kEarly) : text;
}

std::string WordsOf(const TailReader& tail) {
  std::string words = tail.Text(kStderr);
  const std::string console = ConsoleText(tail);
  if (!console.empty()) words += "guest console:\n" + console;
  return words;
}

// The end of `words` in one line.
std::string Shown(const std::string& words) {
  std::vector<std::string> lines;
  for (const std::string& line : Split(words, '\n')) {
    if (const std::string_view text = Trim(line); !text.empty()) lines.emplace_back(text);
  }
  std::string shown = Join(lines, " | ");
  if (shown.size() > kShownWords) shown = "..." + shown.substr(shown.size() - kShownWords);
  return shown;
}

// True when the process must have ended on its own: the monitor hung up, or it cannot be reached.
bool HungUp(const Status& status) {
  return status.code() != StatusCode::kDeadlineExceeded && status.code() != StatusCode::kCancelled;
}

}  // namespace

QemuVm::QemuVm(const sdk::Host& host, Launch launch)
    : host_(host), run_dir_(launch.config.run_dir), launch_(std::move(launch)) {
  saved_ = {launch_->config.id, launch_->uuid, run_dir_, {}, RecipeOf(*launch_), {}};
}

QemuVm::QemuVm(const sdk::Host& host, SavedVm saved, UniqueFd process,
               std::vector<UniqueFd> helpers)
    : host_(host),
      run_dir_(saved.run_dir),
      saved_(std::move(saved)),
      pidfd_(std::move(process)),
      helpers_(std::move(helpers)) {
  // Readable for ever, as the descriptor of a VM that is gone shall be.
  if (!pidfd_) pidfd_.reset(eventfd(1, EFD_CLOEXEC));
}

TailReader::OnLine QemuVm::LineLogger() const {
  return [host = host_, id = launch_->config.id](std::size_t stream, std::string_view line) {
    const bool guest = stream == kConsole || stream == kEarly;
    const char* source = guest ? "guest: " : stream == kStderr ? "QEMU: " : "virtiofsd: ";
    // What matters of it is in the error of the call that failed.
    host.Log(guest ? SHOJI_LOG_DEBUG : SHOJI_LOG_INFO, id + ": " + source + std::string(line));
  };
}

Status QemuVm::Run(Process& process, const QmpLimit& limit) {
  SHOJI_RETURN_IF_ERROR(process.Listen(PathOf(kMonitorSocket), kMonitorFd));
  SHOJI_RETURN_IF_ERROR(process.Listen(PathOf(kOtherMonitorSocket), kOtherMonitorFd));
  SHOJI_RETURN_IF_ERROR(process.Listen(PathOf(kAgentSocket), kAgentFd));
  SHOJI_RETURN_IF_ERROR(process.AddStderr());
  SHOJI_RETURN_IF_ERROR(process.AddConsole(PathOf(kConsoleSocket), PathOf(kConsoleTeeSocket)));
  SHOJI_RETURN_IF_ERROR(process.AddEarlyConsole());
  SHOJI_RETURN_IF_ERROR(PrepareMemory(process));
  SHOJI_RETURN_IF_ERROR(StartShares(process));
  if (launch_->devices != nullptr) {
    for (auto& [fd, number] : launch_->devices->fds) {
      process.theirs.emplace_back(std::move(fd), number);
    }
  }
  const std::int64_t begin = Deadline::NowNanos();
  SHOJI_ASSIGN_OR_RETURN(
      process.spawned, SpawnByHost(host_, launch_->config.id, BuildArgv(*launch_), process.Map()));
  const std::int64_t spawned = Deadline::NowNanos();
  host_.Span("vm.process", begin, spawned);
  // Ours are closed, so that QEMU's end is the end of the sockets too.
  process.theirs.clear();
  process.tail =
      std::make_shared<TailReader>(std::move(process.streams), LineLogger(), HooksOf(process));
  SHOJI_RETURN_IF_ERROR(Connect(process, limit));
  host_.Span("vm.qmp", spawned, Deadline::NowNanos());
  if (launch_->incoming.has_value()) return LoadState(limit);
  return OkStatus();
}

Status QemuVm::Connect(Process& process, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnix(PathOf(kMonitorSocket)));
  SHOJI_ASSIGN_OR_RETURN(qmp_, QmpClient::Open(std::move(socket), limit));
  if (HasEnded(process.spawned.pidfd.get())) return Unavailable("QEMU ended at once");
  return OkStatus();
}

// Undoes the start and tells why it failed, in QEMU's own words if it had any.
Status QemuVm::StartFailed(Process& process, Status cause) {
  qmp_.reset();
  std::string what = "QEMU did not start";
  StatusCode code = cause.code();
  const int pidfd = process.spawned.pidfd.get();
  if (pidfd >= 0) {
    // A hung-up monitor means that the process is about to end by itself: with its status.
    const Deadline end = Deadline::After(seconds(HungUp(cause) ? 1 : 0));
    if (HungUp(cause) && WaitGone(pidfd, {end}).ok()) {
      if (const auto exit = Reap(pidfd)) {
        what = "QEMU with machine \"" + launch_->machine + "\" ended during its start (" +
               exit->ToString() + ")";
        code =
            cause.code() == StatusCode::kDataLoss ? cause.code() : StatusCode::kFailedPrecondition;
      }
    }
    if (Status killed = KillAndWait(pidfd, Deadline::Never()); !killed.ok()) {
      host_.Log(SHOJI_LOG_ERROR, launch_->config.id + ": " + killed.message());
    }
  }
  process.theirs.clear();
  for (const VirtioFsBackend& backend : process.backends) {
    (void)EndVirtioFs(backend.pidfd.get(), Deadline::After(seconds(1)));
  }
  if (process.made_memory) (void)RemoveFile(launch_->config.memory_path);
  std::string words;
  if (process.tail != nullptr) {
    process.tail->WaitEnd(Deadline::After(seconds(1)));
    words = WordsOf(*process.tail);
  }
  if (Status removed = RemoveFiles(); !removed.ok()) {
    host_.Log(SHOJI_LOG_WARN, launch_->config.id + ": " + removed.message());
  }
  const std::string shown = Shown(words);
  const bool exited = code == StatusCode::kFailedPrecondition && !shown.empty();
  std::string message = what + ": " + (exited ? shown : cause.message());
  if (!exited && !shown.empty()) message += "; its last words: " + shown;
  return Status(code, std::move(message)).WithErrno(cause.sys_errno());
}

Status QemuVm::Start(const sdk::HypervisorCall& call) {
  if (!launch_.has_value() || WaitFd() >= 0) {
    return FailedPrecondition("the VM was started already; create another one");
  }
  QmpLimit limit{DeadlineOf(call), call.cancel_fd};
  if (limit.deadline.never()) limit.deadline = Deadline::After(kStartLimit);
  Process process;
  Status status = Run(process, limit);
  Result<ProcessIdentity> identity = ProcessIdentity{};
  if (status.ok()) {
    identity = IdentifyProcess(process.spawned.pid);
    status = identity.status();
  }
  if (!status.ok()) status = StartFailed(process, std::move(status));
  const MutexLock lock(mutex_);
  tail_ = process.tail;
  if (!status.ok()) return status;
  saved_.process = *identity;
  pidfd_ = std::move(process.spawned.pidfd);
  for (VirtioFsBackend& backend : process.backends) {
    saved_.helpers.push_back(backend.process);
    helpers_.push_back(std::move(backend.pidfd));
  }
  return OkStatus();
}

// Success when QEMU was told, or is gone before it could answer.
Status QemuVm::AskToQuit(const QmpLimit& limit) {
  if (qmp_ == nullptr) {
    SHOJI_ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnix(PathOf(kOtherMonitorSocket)));
    SHOJI_ASSIGN_OR_RETURN(qmp_, QmpClient::Open(std::move(socket), limit));
  }
  return qmp_->Execute("quit", "", limit).status();
}

Status QemuVm::Stop(const sdk::HypervisorCall& call, bool force) {
  const int pidfd = WaitFd();
  if (pidfd < 0) return OkStatus();  // never started
  Status stopped = StopQemu(pidfd, call, force);
  const Status helpers = EndHelpers();
  return stopped.ok() ? helpers : stopped;
}

Status QemuVm::StopQemu(int pidfd, const sdk::HypervisorCall& call, bool force) {
  const Deadline deadline = DeadlineOf(call);
  if (!force && !HasEnded(pidfd)) {
    const QmpLimit limit{Deadline::After(kQuitLimit).Min(deadline), call.cancel_fd};
    // Whatever it answers: what counts is whether it ends.
    const Status asked = AskToQuit(limit);
    if (asked.code() == StatusCode::kCancelled) return asked;
    if (!asked.ok()) host_.Log(SHOJI_LOG_DEBUG, "QEMU could not be asked: " + asked.message());
    if (asked.ok()) SHOJI_RETURN_IF_ERROR(WaitGone(pidfd, limit).status());
  }
  qmp_.reset();
  return KillAndWait(pidfd, deadline);
}

int QemuVm::WaitFd() {
  const MutexLock lock(mutex_);
  return pidfd_.get();
}

Result<std::vector<std::int32_t>> QemuVm::Pids() {
  const MutexLock lock(mutex_);
  std::vector<std::int32_t> pids;
  if (!pidfd_ || HasEnded(pidfd_.get())) return pids;
  pids.push_back(saved_.process.pid);
  for (const ProcessIdentity& helper : saved_.helpers) pids.push_back(helper.pid);
  return pids;
}

Result<std::string> QemuVm::AgentEndpoint() { return "unix://" + PathOf(kAgentSocket); }

Result<std::string> QemuVm::LastWords() {
  std::shared_ptr<TailReader> tail;
  std::string helper_words;
  bool ended = false;
  {
    const MutexLock lock(mutex_);
    tail = tail_;
    helper_words = helper_words_;
    ended = pidfd_ && HasEnded(pidfd_.get());
  }
  if (tail == nullptr) return std::string();
  // The last bytes of a process that is gone are on their way to the reader.
  if (ended) tail->WaitEnd(Deadline::After(seconds(1)));
  return helper_words + WordsOf(*tail);
}

Result<std::string> QemuVm::SaveState() {
  const MutexLock lock(mutex_);
  return EncodeState(saved_);
}

Status QemuVm::RemoveFiles() const {
  Status first;
  for (const char* name :
       {kMonitorSocket, kOtherMonitorSocket, kAgentSocket, kConsoleSocket, kConsoleTeeSocket}) {
    Status removed = RemoveFile(PathOf(name));
    // A directory that is gone took its files along.
    if (!removed.ok() && removed.sys_errno() != ENOTDIR && first.ok()) first = std::move(removed);
  }
  return first;
}

Status QemuVm::Destroy(const sdk::HypervisorCall& call) {
  const Status stopped = Stop(call, /*force=*/true);
  const Status removed = RemoveFiles();
  return stopped.ok() ? removed : stopped;
}

}  // namespace shoji::qemu

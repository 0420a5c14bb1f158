#include "boot/debug_services.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "channel/vsock.h"
#include "log.h"
#include "shoji/base/errno.h"
#include "shoji/base/socket.h"

namespace shoji::agent {
namespace {

constexpr char kConsole[] = "/dev/console";
constexpr std::chrono::seconds kBetweenShells{1};

Result<std::string> FindShell() {
  for (const char* path : {"/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh"}) {
    if (access(path, X_OK) == 0) return std::string(path);
  }
  return NotFound("the guest's image has no shell for the debug console");
}

UniqueFd Accept(int socket) {
  return UniqueFd(accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

}  // namespace

DebugServices::~DebugServices() {
  SetLogTap(nullptr);
  for (const pid_t pid : shells_) {
    reaper_->Forget(pid);
    kill(-pid, SIGKILL);
  }
  for (const UniqueFd* socket : {&log_socket_, &shell_socket_}) {
    if (*socket) loop_->Unwatch(socket->get());
  }
}

Status DebugServices::Start(const AgentOptions& options) {
  Status first;
  const auto note = [&first](Status status) {
    if (first.ok()) first = std::move(status);
  };
  const auto serve = [this](std::uint32_t port, auto method) -> Status {
    SHOJI_ASSIGN_OR_RETURN(UniqueFd socket, ListenVsock(port));
    return (this->*method)(std::move(socket));
  };
  if (options.log_vport) note(serve(*options.log_vport, &DebugServices::ServeLog));
  if (options.debug_console) note(StartConsole());
  if (options.debug_vport) note(serve(*options.debug_vport, &DebugServices::ServeShells));
  return first;
}

Status DebugServices::ServeLog(UniqueFd socket) {
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(socket.get(), true));
  log_socket_ = std::move(socket);
  SetLogTap([this](std::string_view line) { OnLogLine(line); });
  return loop_->Watch(log_socket_.get(), EPOLLIN, [this](std::uint32_t) { AcceptLogClient(); });
}

void DebugServices::AcceptLogClient() {
  UniqueFd client = Accept(log_socket_.get());
  if (!client || log_clients_.size() >= kMaxClients) return;
  if (send(client.get(), log_.data(), log_.size(), MSG_NOSIGNAL) < 0 && !log_.empty()) return;
  log_clients_.push_back(std::move(client));
}

void DebugServices::OnLogLine(std::string_view line) {
  log_ += line;
  if (log_.size() > kKeptLog) log_.erase(0, log_.find('\n', log_.size() - kKeptLog) + 1);
  log_clients_.remove_if([line](const UniqueFd& client) {
    return send(client.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0 && errno != EAGAIN;
  });
}

Status DebugServices::ServeShells(UniqueFd socket) {
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(socket.get(), true));
  shell_socket_ = std::move(socket);
  return loop_->Watch(shell_socket_.get(), EPOLLIN, [this](std::uint32_t) { AcceptShellClient(); });
}

void DebugServices::AcceptShellClient() {
  const UniqueFd client = Accept(shell_socket_.get());
  if (!client || shells_.size() >= kMaxClients) return;
  Status started = SetNonBlocking(client.get(), false);  // shells do not expect it
  if (started.ok()) started = RunShell(client.get(), nullptr, [] {});
  if (!started.ok()) Log(LogLevel::kError, started.message());
}

Status DebugServices::StartConsole() {
  return RunShell(-1, kConsole, [this] {
    loop_->After(kBetweenShells, [this] {
      const Status again = StartConsole();
      if (!again.ok()) Log(LogLevel::kError, again.message());
    });
  });
}

// With `in_out`, or what is at `open_path`, as its three descriptors.
Status DebugServices::RunShell(int in_out, const char* open_path, std::function<void()> on_exit) {
  SHOJI_ASSIGN_OR_RETURN(std::string shell, FindShell());
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_init(&actions);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  for (int fd = 0; fd < 3; ++fd) {
    if (open_path != nullptr) {
      posix_spawn_file_actions_addopen(&actions, fd, open_path, O_RDWR, 0);
    } else {
      posix_spawn_file_actions_adddup2(&actions, in_out, fd);
    }
  }
  std::string flag = "-i";
  std::string search = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const std::array<char*, 3> args = {shell.data(), flag.data(), nullptr};
  const std::array<char*, 2> env = {search.data(), nullptr};
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, shell.c_str(), &actions, &attributes, args.data(), env.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoStatus(error, "cannot start the debug console " + shell);
  shells_.insert(pid);
  reaper_->Expect(pid, [this, pid, task = std::move(on_exit)](int) {
    shells_.erase(pid);
    task();
  });
  return OkStatus();
}

}  // namespace shoji::agent

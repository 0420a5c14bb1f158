#include "host/keeper.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <memory>
#include <utility>

#include "host/devices.h"
#include "host/guest.h"
#include "host/log_tail.h"
#include "host/world.h"
#include "log.h"
#include "shoji/base/errno.h"
#include "shoji/base/socket.h"
#include "shoji/keeper/message.h"

namespace shoji::agent {
namespace {

constexpr std::uint64_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;
constexpr std::size_t kMaxClients = 16;

struct Ends {
  UniqueFd ours;
  UniqueFd agents;
};

Result<Ends> MakePair(int type) {
  int fds[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0) {
    return ErrnoStatus(errno, "cannot create a pair of sockets");
  }
  return Ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

class Keeper {
 public:
  explicit Keeper(const HostOptions& options)
      : options_(options), requests_(options.keeper_fd), tail_(options.log) {}

  // Success in the keeper, when the agent serves. The agent does not return from it.
  Status Start();
  // Until the agent ends: its wait status.
  int Run();

  pid_t agent() const { return agent_; }

 private:
  [[noreturn]] void BecomeAgent(Ends word, Ends log);
  Status AwaitAgent(int word);
  std::vector<pollfd> Watched() const;
  void Handle(const pollfd& entry);
  void TakeLog();
  void Accept();
  void Serve(int client);
  Result<keeper::Message> Answer(keeper::Message request);

  const HostOptions& options_;
  UniqueFd requests_;
  LogTail tail_;
  UniqueFd log_;
  UniqueFd pidfd_;
  pid_t agent_ = -1;
  std::map<int, UniqueFd> clients_;
  std::unique_ptr<HostDevices> devices_;
};

Status Keeper::Start() {
  SHOJI_ASSIGN_OR_RETURN(Ends word, MakePair(SOCK_SEQPACKET));
  SHOJI_ASSIGN_OR_RETURN(Ends log, MakePair(SOCK_STREAM));
  int pidfd = -1;
  clone_args args{};
  args.flags = kNamespaces | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const long child = syscall(SYS_clone3, &args, sizeof args);
  if (child < 0) return ErrnoStatus(errno, "cannot make namespaces for the agent");
  if (child == 0) BecomeAgent(std::move(word), std::move(log));
  signal(SIGPIPE, SIG_IGN);
  agent_ = static_cast<pid_t>(child);
  pidfd_.reset(pidfd);
  devices_ = std::make_unique<HostDevices>(agent_);
  close(options_.agent_fd);  // its end is the end of the socket
  word.agents.reset();
  log.agents.reset();
  log_ = std::move(log.ours);
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(log_.get(), true));
  return AwaitAgent(word.ours.get());
}

void Keeper::BecomeAgent(Ends word, Ends log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  word.ours.reset();
  log.ours.reset();
  requests_.reset();
  close(options_.report_fd);
  dup2(log.agents.get(), STDERR_FILENO);
  log.agents.reset();
  const Status ended = RunGuest(options_, [&word](const Status& built) {
    // A keeper that died before it could be noticed shows here.
    const Status told = built.ok()
                            ? keeper::SendReply(word.agents.get(), keeper::Message{})
                            : keeper::SendReply(word.agents.get(), Result<keeper::Message>(built));
    word.agents.reset();
    return told;
  });
  if (!ended.ok()) Log(LogLevel::kFatal, ended.message());
  _exit(ended.ok() ? 0 : 1);
}

Status Keeper::AwaitAgent(int word) {
  const auto reply = keeper::ReceiveReply(word, Deadline::Never(), -1);
  if (reply.ok()) return OkStatus();
  syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  while (waitpid(agent_, nullptr, 0) < 0 && errno == EINTR) {
  }
  TakeLog();
  return reply.status();
}

std::vector<pollfd> Keeper::Watched() const {
  std::vector<pollfd> entries = {{pidfd_.get(), POLLIN, 0}, {log_.get(), POLLIN, 0}};
  if (clients_.size() < kMaxClients) entries.push_back({requests_.get(), POLLIN, 0});
  for (const auto& [fd, client] : clients_) entries.push_back({fd, POLLIN, 0});
  for (const int fd : devices_->NicFds()) entries.push_back({fd, POLLIN, 0});
  return entries;
}

int Keeper::Run() {
  for (;;) {
    std::vector<pollfd> entries = Watched();
    if (poll(entries.data(), entries.size(), -1) < 0) continue;
    if (entries[0].revents != 0) break;
    for (const pollfd& entry : entries) {
      if (entry.revents != 0) Handle(entry);
    }
  }
  int status = 0;
  // Returns when every process of the pid namespace is gone.
  while (waitpid(agent_, &status, 0) < 0 && errno == EINTR) {
  }
  TakeLog();
  return status;
}

void Keeper::Handle(const pollfd& entry) {
  if (entry.fd == log_.get()) return TakeLog();
  if (entry.fd == requests_.get()) return Accept();
  if (clients_.count(entry.fd) != 0) return Serve(entry.fd);
  devices_->CarryFrames(entry.fd);
}

void Keeper::TakeLog() {
  std::array<char, 16U << 10U> buffer;
  while (log_) {
    const ssize_t size = read(log_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return log_.reset();
    tail_.Add({buffer.data(), static_cast<std::size_t>(size)});
  }
}

void Keeper::Accept() {
  UniqueFd client(accept4(requests_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const int fd = client.get();
  if (client) clients_[fd] = std::move(client);
}

void Keeper::Serve(int client) {
  auto request = keeper::Receive(client);
  const bool gone = request.status().code() == StatusCode::kUnavailable;
  if (!gone) {
    const Result<keeper::Message> answer =
        request.ok() ? Answer(std::move(*request)) : Result<keeper::Message>(request.status());
    if (keeper::SendReply(client, answer).ok()) return;
  }
  clients_.erase(client);
}

Result<keeper::Message> Keeper::Answer(keeper::Message request) {
  if (request.fields[0] != "console") return devices_->Serve(std::move(request));
  SHOJI_ASSIGN_OR_RETURN(UniqueFd console, tail_.OpenConsole());
  keeper::Message answer{{""}, {}};
  answer.fds.push_back(std::move(console));
  return answer;
}

void SetCloexec(std::initializer_list<int> fds) {
  for (const int fd : fds) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void RemoveCgroupOf(const HostOptions& options) {
  if (options.cgroup.empty()) return;
  if (const Status removed = RemoveCgroup(options.cgroup); !removed.ok()) {
    Log(LogLevel::kWarning, removed.message());
  }
}

}  // namespace

int RunKeeper(const HostOptions& options) {
  SetCloexec({options.agent_fd, options.keeper_fd, options.report_fd});
  Keeper keeper(options);
  const Status started = keeper.Start();
  if (!started.ok()) RemoveCgroupOf(options);
  const Result<keeper::Message> report =
      started.ok() ? Result<keeper::Message>(keeper::Message{{std::to_string(keeper.agent())}, {}})
                   : Result<keeper::Message>(started);
  const Status told = keeper::SendReply(options.report_fd, report);
  close(options.report_fd);
  if (!started.ok()) return 1;
  if (!told.ok()) kill(keeper.agent(), SIGKILL);  // nobody waits for it any more
  const int status = keeper.Run();
  RemoveCgroupOf(options);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace shoji::agent

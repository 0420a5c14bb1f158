#include "control.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "shoji/base/errno.h"
#include "shoji/base/socket.h"
#include "shoji/base/strings.h"

namespace shoji::shim {

namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::uint64_t kListen = 0;
constexpr int kInvalidArgument = 3;
constexpr std::string_view kExec = "exec ";
constexpr std::string_view kSignal = "signal ";

std::string DirOf(const std::string& sandbox_dir) { return sandbox_dir + "/shims"; }

// One line, whatever the guest says.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\0') c = ' ';
  }
  if (text.size() > kMaxLine) text.resize(kMaxLine);
  return text;
}

}  // namespace

Result<std::unique_ptr<Control>> Control::Listen(const std::string& sandbox_dir,
                                                 const std::string& container_id) {
  const std::string dir = DirOf(sandbox_dir);
  if (mkdir(dir.c_str(), 0700) < 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "cannot make " + dir);
  }
  UniqueFd fd(open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return ErrnoStatus(errno, "cannot open " + dir);
  std::unique_ptr<Control> out(new Control(std::move(fd), container_id));
  SHOJI_RETURN_IF_ERROR(out->Open(dir + "/" + container_id));
  return out;
}

Status Control::Open(const std::string& path) {
  poller_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!poller_) return ErrnoStatus(errno, "cannot wait for callers");
  SHOJI_ASSIGN_OR_RETURN(listen_, ListenUnix(path));
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(listen_.get(), true));
  return Watch(listen_.get(), kListen);
}

Control::~Control() {
  if (listen_) (void)unlinkat(dir_.get(), name_.c_str(), 0);
}

Status Control::Watch(int fd, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  if (epoll_ctl(poller_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return OkStatus();
  return ErrnoStatus(errno, "cannot wait for a caller");
}

void Control::OnReady(const Signal& signal) {
  epoll_event events[16];
  const int n = epoll_wait(poller_.get(), events, 16, 0);
  for (int i = 0; i < n; ++i) {
    if (events[i].data.u64 == kListen) {
      Accept();
    } else {
      Read(events[i].data.u64, signal);
    }
  }
}

void Control::Accept() {
  UniqueFd fd(accept4(listen_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd || !Watch(fd.get(), ++last_).ok()) return;
  clients_[last_].fd = std::move(fd);
}

void Control::Read(std::uint64_t tag, const Signal& signal) {
  const auto it = clients_.find(tag);
  if (it == clients_.end()) return;
  Client& client = it->second;
  char buffer[512];
  const ssize_t n = read(client.fd.get(), buffer, sizeof buffer);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) {
    client.line.append(buffer, static_cast<std::size_t>(n));
    if (Take(tag, client, signal)) return;
  } else if (!client.exec_id.empty() && !client.ended) {
    signal(client.exec_id, SIGKILL, [](const shim::Answer&) {});
  }
  clients_.erase(tag);
}

bool Control::Take(std::uint64_t tag, Client& client, const Signal& signal) {
  if (!client.exec_id.empty()) {
    client.ended = true;
    return true;
  }
  const std::size_t end = client.line.find('\n');
  if (end == std::string::npos) return client.line.size() < kMaxLine;
  const std::string line = client.line.substr(0, end);
  client.ended = end + 1 < client.line.size();
  if (line.starts_with(kExec)) {
    client.exec_id = line.substr(kExec.size());
    return !client.exec_id.empty();
  }
  return line.starts_with(kSignal) && Send(tag, line.substr(kSignal.size()), signal);
}

bool Control::Send(std::uint64_t tag, const std::string& words, const Signal& signal) {
  const std::size_t space = words.find(' ');
  const auto number = ParseInt(words.substr(0, space));
  if (space == std::string::npos || !number.ok() || *number < 1 || *number > SIGRTMAX) {
    Answer(tag, kInvalidArgument, "\"" + words + "\" is no signal for a process");
    return true;
  }
  signal(words.substr(space + 1), static_cast<int>(*number),
         [this, tag](const shim::Answer& a) { Answer(tag, a.code, a.message); });
  return true;
}

// The caller may have gone. What does not fit at once nobody waits for.
void Control::Answer(std::uint64_t tag, int code, const std::string& message) {
  const auto it = clients_.find(tag);
  if (it == clients_.end()) return;
  const std::string text = std::to_string(code) + " " + OneLine(message) + "\n";
  (void)send(it->second.fd.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

Guard Guard::Connect(const std::string& sandbox_dir, const std::string& container_id,
                     const std::string& exec_id) {
  auto fd = ConnectUnix(DirOf(sandbox_dir) + "/" + container_id);
  if (!fd.ok()) return Guard(UniqueFd());
  const std::string line = std::string(kExec) + exec_id + "\n";
  const ssize_t n = send(fd->get(), line.data(), line.size(), MSG_NOSIGNAL);
  return Guard(n == static_cast<ssize_t>(line.size()) ? std::move(*fd) : UniqueFd());
}

void Guard::Ended() const {
  if (fd_) (void)send(fd_.get(), ".", 1, MSG_NOSIGNAL);
}

}  // namespace shoji::shim

#include "console.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "shoji/base/errno.h"
#include "shoji/base/socket.h"

namespace shoji::qemu {
namespace {

// The first byte a reader gets.
constexpr char kWelcome = 'o';
constexpr char kBusy = 'b';

constexpr int kMaxQuestions = 1000;

Status Taken() { return Aborted("the console has a reader already; one at a time is served"); }

bool Interrupted() { return errno == EINTR || errno == EAGAIN; }

Status WaitReadable(int fd, const QmpLimit& limit) {
  for (;;) {
    pollfd entries[2] = {{fd, POLLIN, 0}, {limit.cancel_fd, POLLIN, 0}};
    const int rc = poll(entries, 2, limit.deadline.PollTimeout());
    if (rc < 0 && errno != EINTR) return ErrnoStatus(errno, "cannot wait for the console");
    if (rc > 0 && entries[0].revents != 0) return OkStatus();
    if (rc > 0) return Cancelled("cancelled while opening the console");
    if (limit.deadline.passed()) return DeadlineExceeded("the console does not answer in time");
  }
}

Result<bool> IsConnected(QmpClient& monitor, const std::string& label, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(const std::string text, monitor.Execute("query-chardev", "", limit));
  const auto chardevs = nlohmann::json::parse(text, nullptr, false);
  if (!chardevs.is_array()) return DataLoss("QEMU lists no chardevs");
  for (const auto& chardev : chardevs) {
    if (chardev.value("label", "") != label) continue;
    return chardev.value("filename", "").rfind("disconnected:", 0) != 0;
  }
  return FailedPrecondition("the VM has no console \"" + label + "\"");
}

}  // namespace

ConsoleTee::ConsoleTee(UniqueFd listener, UniqueFd input)
    : listener_(std::move(listener)), input_(std::move(input)) {
  (void)SetNonBlocking(listener_.get(), true);
}

void ConsoleTee::AddTo(std::vector<pollfd>& entries) const {
  entries.push_back({listener_.get(), POLLIN, 0});
  entries.push_back({reader_.get(), POLLIN, 0});
}

void ConsoleTee::Handle(const pollfd& listener, const pollfd& reader) {
  // The old reader first: it may be gone, and the new one be its successor.
  if (reader.revents != 0) PassInput();
  if (listener.revents != 0) Accept();
}

void ConsoleTee::Accept() {
  UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  const char answer = reader_ ? kBusy : kWelcome;
  if (send(fd.get(), &answer, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 && !reader_) {
    reader_ = std::move(fd);
  }
}

void ConsoleTee::PassInput() {
  char buffer[1024];
  const ssize_t n = recv(reader_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  if (n < 0 && Interrupted()) return;
  if (n <= 0) {
    reader_.reset();
    return;
  }
  // A guest that does not read loses input, as on any terminal.
  (void)!send(input_.get(), buffer, static_cast<std::size_t>(n), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void ConsoleTee::Output(std::string_view bytes) {
  if (!reader_) return;
  const ssize_t n = send(reader_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && !Interrupted()) reader_.reset();
}

void ConsoleTee::Close() {
  reader_.reset();
  listener_.reset();
  input_.reset();
}

Result<UniqueFd> OpenTee(const std::string& path, const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, ConnectUnix(path));
  SHOJI_RETURN_IF_ERROR(WaitReadable(fd.get(), limit));
  char answer = 0;
  const ssize_t n = read(fd.get(), &answer, 1);
  if (n == 1 && answer == kBusy) return Taken();
  if (n == 1 && answer == kWelcome) return fd;
  return Unavailable("the owner of the VM closed the console");
}

Result<UniqueFd> OpenChardev(QmpClient& monitor, const std::string& label, const std::string& path,
                             const QmpLimit& limit) {
  SHOJI_ASSIGN_OR_RETURN(bool connected, IsConnected(monitor, label, limit));
  if (connected) return Taken();
  SHOJI_ASSIGN_OR_RETURN(UniqueFd fd, ConnectUnix(path));
  // QEMU takes the connection from its main loop, between two questions: the next process shall
  // find it taken.
  for (int i = 0; i < kMaxQuestions && !connected; ++i) {
    SHOJI_ASSIGN_OR_RETURN(connected, IsConnected(monitor, label, limit));
  }
  if (!connected) return Unavailable("QEMU does not take the connection to its console");
  return fd;
}

}  // namespace shoji::qemu

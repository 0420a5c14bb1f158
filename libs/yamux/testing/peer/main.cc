// yamux-peer ROLE WORK ARGUMENTS: one end of a session over the socket that is standard input.
// The works are those of the Go peer; see ../go-peer/main.go.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "shoji/status.h"
#include "work.h"

namespace shoji::yamux {

namespace {

constexpr int kSocket = STDIN_FILENO;
constexpr std::size_t kBuffer = 256U * 1024U;

// 0 for what is no number: no work takes it for one.
std::size_t Number(const std::vector<std::string>& arguments, std::size_t index) {
  std::size_t value = 0;
  if (index >= arguments.size()) return 0;
  const std::string& text = arguments[index];
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// As much as the pipe takes.
Status Send(Session* session) {
  for (std::string_view out; !(out = session->PendingOutput()).empty();) {
    const ssize_t count = write(kSocket, out.data(), out.size());
    if (count < 0 && errno != EINTR) {
      return errno == EAGAIN ? OkStatus() : Unavailable("the socket is gone");
    }
    if (count > 0) session->OutputSent(static_cast<std::size_t>(count));
  }
  return OkStatus();
}

// UNAVAILABLE at the end of the pipe.
Status Receive(Session* session, std::vector<char>* buffer) {
  const ssize_t count = read(kSocket, buffer->data(), buffer->size());
  if (count > 0) return session->Feed({buffer->data(), static_cast<std::size_t>(count)});
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return OkStatus();
  return Unavailable("the peer closed the pipe");
}

Status Step(Session* session, std::vector<char>* buffer) {
  pollfd entry{kSocket, POLLIN, 0};
  if (!session->PendingOutput().empty()) entry.events |= POLLOUT;
  if (poll(&entry, 1, -1) < 0 && errno != EINTR) return Internal("poll failed");
  if ((entry.revents & (POLLIN | POLLHUP)) != 0) {
    SHOJI_RETURN_IF_ERROR(Receive(session, buffer));
  }
  return Send(session);
}

int Run(Role role, Work* work) {
  // Two peers that both wait in write() would wait for ever.
  if (fcntl(kSocket, F_SETFL, fcntl(kSocket, F_GETFL) | O_NONBLOCK) != 0) {
    perror("yamux-peer: standard input");
    return 2;
  }
  Session session(role, work, {});
  std::vector<char> buffer(kBuffer);
  work->Start(&session);
  bool told = false;
  Status status;
  while (status.ok()) {
    status = Step(&session, &buffer);
    if (!work->done() || told) continue;
    told = true;
    puts(work->result().c_str());
    fflush(stdout);
    if (work->result().compare(0, 5, "error") == 0) return 1;
    // An echo goes on until the other side has had its own back.
    if (work->result() != "done") return 0;
  }
  if (status.code() == StatusCode::kUnavailable) return 0;
  fprintf(stderr, "yamux-peer: %s\n", status.message().c_str());
  return 1;
}

}  // namespace

std::unique_ptr<Work> MakeWork(const std::vector<std::string>& arguments) {
  const std::string name = arguments.empty() ? "" : arguments[0];
  if (name == "echo") {
    return MakeEcho(Number(arguments, 1), static_cast<unsigned>(Number(arguments, 2)));
  }
  if (name == "sink") return MakeSink();
  if (name == "source" && Number(arguments, 1) > 0) {
    return MakeSource(Number(arguments, 1), Number(arguments, 2));
  }
  if (name == "open") return MakeOpen(Number(arguments, 1));
  return nullptr;
}

int Main(const std::vector<std::string>& arguments) {
  const std::string role = arguments.empty() ? "" : arguments[0];
  const std::unique_ptr<Work> work = MakeWork(
      arguments.empty() ? arguments
                        : std::vector<std::string>(arguments.begin() + 1, arguments.end()));
  if (work == nullptr || (role != "client" && role != "server")) {
    fprintf(stderr, "use: yamux-peer client|server echo|sink|source|open NUMBER...\n");
    return 2;
  }
  return Run(role == "client" ? Role::kClient : Role::kServer, work.get());
}

}  // namespace shoji::yamux

int main(int argc, char** argv) { return shoji::yamux::Main({argv + 1, argv + argc}); }

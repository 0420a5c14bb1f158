#include "etcd_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shoji/base/deadline.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"

namespace shoji::etcd {
namespace {

constexpr std::chrono::seconds kReadyLimit{60};

// Replaces the child by the program, with both outputs in `out`.
[[noreturn]] void Exec(const std::vector<std::string>& argv, const std::string& dir, int out,
                       const char* notify) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  dup2(out, 1);
  dup2(out, 2);
  if (notify != nullptr) setenv("NOTIFY_SOCKET", notify, 1);
  setenv("ETCDCTL_API", "3", 1);
  if (chdir(dir.c_str()) == 0) execvp(words[0], words.data());
  _exit(127);
}

int FreePort() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd.get(), raw, size) != 0 || getsockname(fd.get(), raw, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

// Where etcd reports that it is ready, as it does to systemd.
Result<UniqueFd> NotifySocket(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return InvalidArgument("path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  unlink(path.c_str());
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, "cannot bind " + path);
  }
  return fd;
}

}  // namespace

TestDir::TestDir() {
  // A killed server loses nothing of what it wrote, on a disk or not: memory is quicker.
  for (const char* parent : {"/dev/shm", "/tmp"}) {
    std::string path = parent + std::string("/etcd-test-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) continue;
    path_ = path;
    return;
  }
}

TestDir::~TestDir() { (void)RemoveTree(path_); }

Result<std::string> RunProgram(const std::vector<std::string>& argv, const std::string& dir) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  const UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  const pid_t pid = fork();
  if (pid == 0) Exec(argv, dir, out.get(), nullptr);
  out.reset();
  Result<std::string> text = ReadAll(in.get());
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (!text.ok() || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return text;
  return UnknownError(argv[0] + " failed: " + *text);
}

std::string EtcdServer::Endpoint() const {
  const std::string secure = options_.tls ? "s" : "";
  if (options_.tcp) return "http" + secure + "://127.0.0.1:" + std::to_string(port_);
  return "unix" + secure + "://" + dir() + "/c:1";
}

// etcd takes a socket's path only in the form host:port, relative to its directory.
std::vector<std::string> EtcdServer::Arguments(const Options& options) {
  if (options.tcp && port_ == 0) port_ = FreePort();
  const std::string secure = options.tls ? "s" : "";
  const std::string client = options.tcp ? "http" + secure + "://127.0.0.1:" + std::to_string(port_)
                                         : "unix" + secure + "://c:1";
  std::vector<std::string> out = {"/usr/bin/etcd",
                                  "--data-dir=data",
                                  "--listen-client-urls=" + client,
                                  "--advertise-client-urls=" + client,
                                  "--listen-peer-urls=unix://p:1",
                                  "--initial-advertise-peer-urls=unix://p:1",
                                  "--initial-cluster=default=unix://p:1",
                                  "--logger=zap",
                                  "--log-level=error"};
  if (options.tls) {
    out.push_back("--cert-file=server.pem");
    out.push_back("--key-file=server.key");
  }
  out.insert(out.end(), options.arguments.begin(), options.arguments.end());
  return out;
}

Status EtcdServer::Start(Options options) {
  Kill();
  options_ = std::move(options);
  if (options_.tls && !PathExists(dir() + "/ca.pem")) {
    SHOJI_RETURN_IF_ERROR(MakeCertificates(dir()));
  }
  const std::string notify = dir() + "/notify";
  SHOJI_ASSIGN_OR_RETURN(const UniqueFd socket, NotifySocket(notify));
  (void)RemoveFile(dir() + "/c:1");
  (void)RemoveFile(dir() + "/p:1");
  const UniqueFd log(
      open((dir() + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::vector<std::string> argv = Arguments(options_);
  pid_ = fork();
  if (pid_ == 0) Exec(argv, dir(), log.get(), notify.c_str());
  Status ready = WaitUntilReady(socket.get());
  if (!ready.ok()) Kill();
  return ready;
}

Status EtcdServer::WaitUntilReady(int notify_fd) {
  const UniqueFd ended(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  const Deadline limit = Deadline::After(kReadyLimit);
  while (!limit.passed()) {
    pollfd fds[2] = {{notify_fd, POLLIN, 0}, {ended.get(), POLLIN, 0}};
    if (poll(fds, 2, limit.PollTimeout()) <= 0) continue;
    if (fds[1].revents != 0) break;
    char text[64] = {};
    if (recv(notify_fd, text, sizeof(text) - 1, 0) > 0 && std::strstr(text, "READY=1") != nullptr) {
      return OkStatus();
    }
  }
  const Result<std::string> log = ReadFile(dir() + "/log");
  return Unavailable("etcd does not start: " + (log.ok() ? *log : std::string("no log")));
}

void EtcdServer::Signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

void EtcdServer::Kill() {
  if (pid_ <= 0) return;
  Signal(SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  pid_ = -1;
}

Result<std::string> EtcdServer::Ctl(std::vector<std::string> arguments) const {
  const std::string secure = options_.tls ? "s" : "";
  std::vector<std::string> argv = {
      "/usr/bin/etcdctl",
      "--endpoints=" + (options_.tcp ? Endpoint() : "unix" + secure + "://c:1")};
  if (options_.tls) argv.push_back("--cacert=ca.pem");
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return RunProgram(argv, dir());
}

Status MakeCertificates(const std::string& dir) {
  const std::vector<std::string> key = {
      "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"};
  const auto run = [&dir, &key](std::vector<std::string> more, bool request) -> Status {
    std::vector<std::string> argv = request ? key : std::vector<std::string>{"openssl"};
    argv.insert(argv.end(), more.begin(), more.end());
    return RunProgram(argv, dir).status();
  };
  const std::string names = "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
  SHOJI_RETURN_IF_ERROR(WriteFile(dir + "/names", names));
  for (const std::string& ca : {std::string("ca"), std::string("other-ca")}) {
    SHOJI_RETURN_IF_ERROR(run(
        {"-x509", "-days", "30", "-subj", "/CN=" + ca, "-keyout", ca + ".key", "-out", ca + ".pem"},
        true));
  }
  for (const std::string& name : {std::string("server"), std::string("client")}) {
    SHOJI_RETURN_IF_ERROR(
        run({"-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr"}, true));
    SHOJI_RETURN_IF_ERROR(
        run({"x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
             "-CAcreateserial", "-days", "30", "-extfile", "names", "-out", name + ".pem"},
            false));
  }
  return OkStatus();
}

}  // namespace shoji::etcd

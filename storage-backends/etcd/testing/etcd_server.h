// An etcd of our own for tests.
//
// Purpose  Runs Debian's etcd in a directory of its own, on unix sockets in it or on loopback;
//          Start() returns when the server says that it is ready.
// Threads  One.
// Example  EtcdServer server; ASSERT_TRUE(server.Start({}).ok());
//          EtcdStore::OpenWith(SettingsFor(server), ...)
#ifndef SHOJI_ETCD_TESTING_ETCD_SERVER_H_
#define SHOJI_ETCD_TESTING_ETCD_SERVER_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "shoji/status.h"

namespace shoji::etcd {

// A temporary directory, removed at the end.
class TestDir {
 public:
  TestDir();
  ~TestDir();
  TestDir(const TestDir&) = delete;
  TestDir& operator=(const TestDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Runs a program to its end; its output, or what it said about its failure.
Result<std::string> RunProgram(const std::vector<std::string>& argv, const std::string& dir = "/");

class EtcdServer {
 public:
  struct Options {
    bool tcp = false;
    bool tls = false;
    std::vector<std::string> arguments;
  };

  EtcdServer() = default;
  ~EtcdServer() { Kill(); }
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  // Again after Kill(): with the data that is there.
  Status Start(Options options);
  // kill -9, and waits for the end.
  void Kill();
  void Signal(int signal) const;

  pid_t pid() const { return pid_; }
  const std::string& dir() const { return dir_.path(); }
  // As option `endpoints` takes it.
  std::string Endpoint() const;
  bool tls() const { return options_.tls; }
  // Runs etcdctl against this server.
  Result<std::string> Ctl(std::vector<std::string> arguments) const;

 private:
  std::vector<std::string> Arguments(const Options& options);
  Status WaitUntilReady(int notify_fd);

  TestDir dir_;
  Options options_;
  int port_ = 0;
  pid_t pid_ = -1;
};

// ca.pem, server.pem/.key (localhost, 127.0.0.1), client.pem/.key, other-ca.pem in `dir`.
Status MakeCertificates(const std::string& dir);

}  // namespace shoji::etcd

#endif  // SHOJI_ETCD_TESTING_ETCD_SERVER_H_

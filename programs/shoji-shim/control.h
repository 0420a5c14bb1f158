// What others ask the shim of a container for.
//
// Purpose  A socket below the sandbox' directory, for two kinds of callers. The shims of processes
//          that joined the container tell who they are and stay connected: one that goes without
//          having said that its process ended was killed, and its process is killed as well.
//          And whoever wants to send a signal, of any kind, without a way to the guest of its own.
// Protocol Lines. "exec ID\n", later "." before the end. "signal NUMBER ID\n" (without an id: every
//          process), answered by "CODE MESSAGE\n" with gRPC's code.
// Layout   $SHOJI_SANDBOX_DIR/shims/<container>, mode 0600.
// Threads  One.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto control, Control::Listen(dir, "web", signal));
//     // poll control->fd() for reading, then control->OnReady();
#ifndef SHOJI_PROGRAMS_SHIM_CONTROL_H_
#define SHOJI_PROGRAMS_SHIM_CONTROL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "grpc_client.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::shim {

class Control {
 public:
  // Sends a signal to a process of the container, to all without an id.
  using Signal = std::function<void(const std::string& exec_id, int number, GrpcClient::Done done)>;

  // Before our root is another: the socket is removed at the end all the same.
  static Result<std::unique_ptr<Control>> Listen(const std::string& sandbox_dir,
                                                 const std::string& container_id);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  int fd() const { return poller_.get(); }
  void OnReady(const Signal& signal);

 private:
  struct Client {
    UniqueFd fd;
    std::string line;     // what has come of it
    std::string exec_id;  // of a shim
    bool ended = false;   // as it should
  };
  Control(UniqueFd dir, std::string name) : dir_(std::move(dir)), name_(std::move(name)) {}
  Status Open(const std::string& path);
  Status Watch(int fd, std::uint64_t tag);
  void Accept();
  void Read(std::uint64_t tag, const Signal& signal);
  // False: it is to be let go.
  bool Take(std::uint64_t tag, Client& client, const Signal& signal);
  bool Send(std::uint64_t tag, const std::string& words, const Signal& signal);
  void Answer(std::uint64_t tag, int code, const std::string& message);

  const UniqueFd dir_;  // that the socket lies in
  const std::string name_;
  UniqueFd poller_;
  UniqueFd listen_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Client> clients_;
};

// The other side, for the shim of a process that joined a container. Nobody listening is no
// failure: the container's shim may be another program.
class Guard {
 public:
  static Guard Connect(const std::string& sandbox_dir, const std::string& container_id,
                       const std::string& exec_id);
  // The process has ended and needs no killing.
  void Ended() const;

 private:
  explicit Guard(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace shoji::shim

#endif  // SHOJI_PROGRAMS_SHIM_CONTROL_H_

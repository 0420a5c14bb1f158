// Speaks QMP, the control protocol of QEMU, over a connected socket.
//
// Purpose  Commands with answers matched by id, events in a queue, descriptors passed along.
//          JSON goes in and out as text, so that no user of this header needs a JSON library.
// Threads  None of its own: the calling thread polls. One thread at a time.
// Errors   UNAVAILABLE: the other side hung up. DATA_LOSS: it sent what is not QMP; the client
//          is of no use any more. What QEMU itself refuses carries its class as detail
//          "qmp.class": CommandNotFound is UNIMPLEMENTED, DeviceNotFound NOT_FOUND,
//          DeviceNotActive and KVMMissingCap FAILED_PRECONDITION, all else UNKNOWN.
// Bounds   A message of more than 4 MiB is DATA_LOSS; of more than 256 unread events the
//          oldest go.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto qmp, QmpClient::Open(std::move(fd), {Deadline::After(5s)}));
//     SHOJI_RETURN_IF_ERROR(qmp->Execute("cont", "", {Deadline::After(1s)}).status());
#ifndef SHOJI_QMP_CLIENT_H_
#define SHOJI_QMP_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "shoji/base/deadline.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji {

// How long a call may take, and a descriptor that ends it when readable (-1: none; borrowed).
struct QmpLimit {
  Deadline deadline;
  int cancel_fd = -1;
};

struct QmpEvent {
  std::string name;         // "SHUTDOWN"
  std::string data = "{}";  // JSON object
  std::int64_t seconds = 0;
  std::int64_t microseconds = 0;
};

struct QmpVersion {
  int major = 0;
  int minor = 0;
  int micro = 0;
};

class QmpClient {
 public:
  // Reads the greeting and negotiates capabilities.
  static Result<std::unique_ptr<QmpClient>> Open(UniqueFd socket, const QmpLimit& limit);
  ~QmpClient();
  QmpClient(const QmpClient&) = delete;
  QmpClient& operator=(const QmpClient&) = delete;

  const QmpVersion& version() const;
  // Readable when there is something to read; for poll() next to other descriptors.
  int fd() const;

  // Sends a command and gives the JSON text of its "return". `arguments` is a JSON object or
  // empty. `passed_fd`, when not -1, travels with the command (getfd, add-fd).
  // After DEADLINE_EXCEEDED or CANCELLED the client goes on; the late answer is dropped.
  Result<std::string> Execute(const std::string& command, const std::string& arguments,
                              const QmpLimit& limit, int passed_fd = -1);

  // Gives QEMU a copy of `fd` under `name` for later commands.
  Status SendFd(const std::string& name, int fd, const QmpLimit& limit);

  // The oldest event that is queued; reads nothing.
  std::optional<QmpEvent> NextEvent();
  // Waits for an event of this name and takes it; others stay in the queue.
  Result<QmpEvent> WaitEvent(const std::string& name, const QmpLimit& limit);
  // The same for the first event that `wanted` says yes to.
  Result<QmpEvent> WaitEventIf(const std::function<bool(const QmpEvent&)>& wanted,
                               const QmpLimit& limit);
  // Forgets queued events that `stale` says yes to: before asking for something whose event
  // may have come for an earlier reason. What is still in the socket is not seen; the answer to
  // any command brings it in.
  void ForgetEvents(const std::function<bool(const QmpEvent&)>& stale);
  // Events that were dropped because nobody read them.
  std::uint64_t dropped_events() const;

 private:
  struct Impl;
  explicit QmpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoji

#endif  // SHOJI_QMP_CLIENT_H_

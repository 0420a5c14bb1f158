// Work that a child does and its parent waits for, without being held up by it.
//
// Purpose  A child may be stuck where nobody can help it, in a file system whose server is gone.
//          Whoever asked for the work watches a descriptor, goes on with other things, and gives
//          up when it likes: what is destroyed before its end is undone, the child killed.
// Threads  One.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto starting, container->BeginStart());
//     ... when starting->fd() can be read:
//     SHOJI_ASSIGN_OR_RETURN(std::optional<Started> done, starting->Advance());
//     if (done) ...
#ifndef SHOJI_GUEST_AGENT_JAIL_PENDING_H_
#define SHOJI_GUEST_AGENT_JAIL_PENDING_H_

#include <poll.h>
#include <sys/types.h>

#include <optional>

#include "shoji/status.h"

namespace shoji::jail {

template <typename T>
class Pending {
 public:
  Pending() = default;
  virtual ~Pending() = default;
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  // The same one until the end; readable when Advance() has something to do.
  virtual int fd() const = 0;
  // The child, for whoever reaps it: it may end at any time.
  virtual pid_t pid() const = 0;
  // Does what can be done now. Nothing: not yet at the end. Not to be called after the end.
  virtual Result<std::optional<T>> Advance() = 0;
};

// Waits for it, however long it takes.
template <typename T>
Result<T> WaitFor(Pending<T>& pending) {
  while (true) {
    pollfd readable{pending.fd(), POLLIN, 0};
    poll(&readable, 1, -1);
    SHOJI_ASSIGN_OR_RETURN(std::optional<T> done, pending.Advance());
    if (done) return *std::move(done);
  }
}

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_PENDING_H_

// Processes take turns: a lock that is waited for without polling, with a deadline, in order.
//
// Purpose  flock() alone cannot be given up at a deadline or when a descriptor becomes
//          readable, other than by asking again and again. So the file that is locked is a
//          FIFO. Whoever has the lock has it on a descriptor that can write; when that
//          is closed, by the holder or by its death, the kernel drops the lock first and then
//          tells those who have the FIFO open for reading (POLLHUP). They wait in poll().
// Order    Two locks: "turn" is held while waiting for "lock". So one process waits for "lock",
//          and a holder who lets go and wants it again comes behind.
// Asking   A waiter writes a byte to "lock". The holder, who can read it, sees by poll() that
//          somebody waits.
// Threads  Take() is safe; a Held belongs to one thread at a time. Two Takes of one process
//          exclude each other like two processes.
// Example
//     Result<Held> held = Turn(dir).Take(patience, holder);
#ifndef SHOJI_ONEPROCESS_TURN_H_
#define SHOJI_ONEPROCESS_TURN_H_

#include <functional>
#include <string>
#include <utility>

#include "patience.h"
#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::oneprocess {

// The lock, until it is destroyed.
class Held {
 public:
  Held() = default;
  explicit Held(UniqueFd fd) : fd_(std::move(fd)) {}
  Held(Held&&) = default;
  Held& operator=(Held&& other) noexcept;
  ~Held() { Release(); }

  // Readable when another process asks for the lock.
  int asked_fd() const { return fd_.get(); }
  void Release();
  // For a child after fork(): the lock is its parent's.
  void Forget() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

class Turn {
 public:
  // `dir` exists.
  explicit Turn(std::string dir) : dir_(std::move(dir)) {}

  // Makes the two FIFOs. DATA_LOSS when something else has their names.
  Status Prepare() const;
  // CANCELLED, or Patience::Expired() with what `holder` says then.
  Result<Held> Take(const Patience& patience, const std::function<std::string()>& holder) const;

 private:
  std::string dir_;
};

}  // namespace shoji::oneprocess

#endif  // SHOJI_ONEPROCESS_TURN_H_

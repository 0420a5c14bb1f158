// The engine of one directory, shared by all handles of this process and, in turns, with
// other processes.
//
// Purpose  An engine refuses a second opener, in this process as in another. So a process has
//          one SharedEngine for a directory. It opens the engine when a call needs it and
//          there is a turn, and closes it when nobody has called for a second, when
//          another process asks (at once if idle, after 50 ms if busy), and when the last
//          handle is gone. Short commands thus pay for one open and close, long ones
//          do not stand in the way.
// Threads  Safe. While the engine is open, one thread of ours watches who asks; it takes no
//          signals, and has ended when the last handle is closed.
// Registry At() finds the SharedEngine of this process by device and inode. The registry holds
//          weak references only. It cannot hang on the plugin object: an engine's own table of
//          open directories is one for the process, however often the plugin is opened.
// fork()   A child without exec() may not use what its parent opened (FAILED_PRECONDITION); it
//          opens a handle of its own.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto shared, SharedEngine::At(path, "leveldb"));
//     SHOJI_ASSIGN_OR_RETURN(Engine* engine, shared->Enter(Access::kRead, patience, opener));
//     const Status status = engine->...;
//     shared->Leave(Access::kRead, status);
#ifndef SHOJI_ONEPROCESS_SHARED_ENGINE_H_
#define SHOJI_ONEPROCESS_SHARED_ENGINE_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "engine.h"
#include "patience.h"
#include "place.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "turn.h"

namespace shoji::oneprocess {

enum class Access { kRead, kWrite };

class SharedEngine {
 public:
  static Result<std::shared_ptr<SharedEngine>> At(const std::string& path, std::string_view engine);
  ~SharedEngine();
  SharedEngine(const SharedEngine&) = delete;
  SharedEngine& operator=(const SharedEngine&) = delete;

  const Place& place() const { return place_; }

  // The open engine, which stays open until Leave(). `opener` is used if it is closed.
  Result<Engine*> Enter(Access access, const Patience& patience, const EngineOpener& opener)
      SHOJI_EXCLUDES(mutex_);
  // After a write that failed the engine is opened anew before the next one: LevelDB would
  // append to a torn log, RocksDB refuses until it is told otherwise. Not while the disk is
  // full: opening takes room, and until then it can still be read.
  void Leave(Access access, const Status& outcome) SHOJI_EXCLUDES(mutex_);

 private:
  enum class State { kClosed, kTaking, kOpening, kOpen, kClosing };

  // The way in without the mutex, for reads: a number of users, and whether more may come.
  // Whoever takes kReady away does so under the mutex and then waits until nobody is left.
  static constexpr std::uint64_t kReady = std::uint64_t{1} << 63U;
  bool TryEnter();
  void LeaveGate() SHOJI_EXCLUDES(mutex_);

  SharedEngine(Place place, UniqueFd wake);
  static void Destroy(SharedEngine* engine);

  bool IsReady(Access access) const SHOJI_REQUIRES(mutex_);
  Status Mend() SHOJI_REQUIRES(mutex_);
  // On success the caller is one of the users.
  Status Open(const Patience& patience, const EngineOpener& opener) SHOJI_REQUIRES(mutex_);
  Status TakeAndOpen(const Patience& patience, const EngineOpener& opener) SHOJI_EXCLUDES(mutex_);
  Status WaitForOthers(const Patience& patience) const;
  Status CheckRoom() const;
  Status WaitForState(const Patience& patience) SHOJI_REQUIRES(mutex_);
  std::string InTheWay() const;
  void EndTenure() SHOJI_REQUIRES(mutex_);
  void CloseGate() SHOJI_REQUIRES(mutex_);
  void CountCall();

  void Keep() SHOJI_EXCLUDES(mutex_);
  void WatchUntilDue() SHOJI_EXCLUDES(mutex_);
  bool IsOver() SHOJI_EXCLUDES(mutex_);
  bool IsSuspect() SHOJI_EXCLUDES(mutex_);
  bool WasBusy(std::uint64_t* seen) const;
  void Close() SHOJI_EXCLUDES(mutex_);

  const Place place_;
  const UniqueFd wake_;  // eventfd: the keeper looks at the state
  const unsigned generation_;
  std::thread keeper_;  // touched in kOpening and by the destructor only
  Held held_;           // like keeper_, and by the keeper
  Mutex mutex_;
  std::condition_variable_any changed_;
  State state_ SHOJI_GUARDED_BY(mutex_) = State::kClosed;
  std::unique_ptr<Engine> engine_ SHOJI_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> gate_ = 0;   // kReady and the users
  std::atomic<std::uint64_t> calls_ = 0;  // only ever compared; may miss some of many at once
  Engine* entered_ = nullptr;             // engine_, for the users that the gate let in
  bool suspect_ SHOJI_GUARDED_BY(mutex_) = false;  // a write has failed
  bool over_ SHOJI_GUARDED_BY(mutex_) = false;     // the keeper shall close now
};

}  // namespace shoji::oneprocess

#endif  // SHOJI_ONEPROCESS_SHARED_ENGINE_H_

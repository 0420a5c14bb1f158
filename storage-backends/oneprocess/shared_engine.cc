#include "shared_engine.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <exception>
#include <map>
#include <utility>

#include "holder.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"

namespace shoji::oneprocess {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIdle(1000);   // closed after so long without a call
constexpr milliseconds kTenure(50);   // a busy process keeps it so long when others ask
constexpr milliseconds kQuiet(1);     // not busy: no call for so long
constexpr milliseconds kForeign(20);  // how often a program that is not ours is looked for
constexpr milliseconds kCancel(10);   // how often cancel_fd is looked at beside a condition

// Counts the fork()s this process descends from since the plugin was loaded.
std::atomic<unsigned> fork_generation{0};

struct Registry {
  Mutex mutex;
  std::map<Place::Id, std::weak_ptr<SharedEngine>> engines SHOJI_GUARDED_BY(mutex);
};

// Never destroyed: a handle may be closed while the process ends.
Registry& TheRegistry() {
  static auto* const registry = [] {
    pthread_atfork(nullptr, nullptr, [] { ++fork_generation; });
    return new Registry;
  }();
  return *registry;
}

// Threads started meanwhile, ours or an engine's, leave all signals to the host's.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

Status CheckCancelled(int cancel_fd) {
  pollfd cancel{cancel_fd, POLLIN, 0};  // a negative descriptor is left out
  if (poll(&cancel, 1, 0) <= 0) return OkStatus();
  return Cancelled("cancelled while waiting for the store");
}

}  // namespace

SharedEngine::SharedEngine(Place place, UniqueFd wake)
    : place_(std::move(place)), wake_(std::move(wake)), generation_(fork_generation) {}

Result<std::shared_ptr<SharedEngine>> SharedEngine::At(const std::string& path,
                                                       std::string_view engine) {
  Registry& registry = TheRegistry();
  const MutexLock lock(registry.mutex);
  SHOJI_ASSIGN_OR_RETURN(Place place, Place::Prepare(path, engine));
  std::erase_if(registry.engines, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<SharedEngine>& entry = registry.engines[place.id()];
  std::shared_ptr<SharedEngine> shared = entry.lock();
  if (shared && shared->generation_ == fork_generation) return shared;
  // Else the parent's lock would last as long as this child.
  if (shared) shared->held_.Forget();
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return ErrnoStatus(errno, "cannot create an eventfd for store " + path);
  shared.reset(new SharedEngine(std::move(place), std::move(wake)), Destroy);
  entry = shared;
  return shared;
}

// In a child after fork() there are no threads to end, and the files are the parent's.
void SharedEngine::Destroy(SharedEngine* engine) {
  if (engine->generation_ == fork_generation) delete engine;
}

SharedEngine::~SharedEngine() {
  {
    const MutexLock lock(mutex_);
    EndTenure();
  }
  if (keeper_.joinable()) keeper_.join();
}

Result<Engine*> SharedEngine::Enter(Access access, const Patience& patience,
                                    const EngineOpener& opener) {
  if (generation_ != fork_generation) {
    return FailedPrecondition("store " + place_.path() +
                              " was opened before fork(); open it again in the child");
  }
  if (access == Access::kRead && TryEnter()) return entered_;
  const MutexLock lock(mutex_);
  const Patience begun = IsReady(access) ? patience : patience.Begin();
  while (!IsReady(access)) {
    if (state_ == State::kClosed) {
      SHOJI_RETURN_IF_ERROR(Open(begun, opener));
      return engine_.get();  // Open() has counted us
    }
    if (state_ == State::kOpen && !over_) SHOJI_RETURN_IF_ERROR(Mend());
    SHOJI_RETURN_IF_ERROR(WaitForState(begun));
  }
  gate_.fetch_add(1);
  CountCall();
  return engine_.get();
}

bool SharedEngine::TryEnter() {
  if ((gate_.load() & kReady) == 0) return false;
  if ((gate_.fetch_add(1) & kReady) != 0) {
    CountCall();
    return true;
  }
  LeaveGate();  // it was closed in between
  return false;
}

// The last one out wakes who closes.
void SharedEngine::LeaveGate() {
  if (gate_.fetch_sub(1) != 1) return;
  const MutexLock lock(mutex_);
  changed_.notify_all();
}

void SharedEngine::CloseGate() { gate_.fetch_and(~kReady); }

void SharedEngine::CountCall() {
  calls_.store(calls_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

bool SharedEngine::IsReady(Access access) const {
  return state_ == State::kOpen && !over_ && !(suspect_ && access == Access::kWrite);
}

// After a failed write: lets the keeper close it.
Status SharedEngine::Mend() {
  SHOJI_RETURN_IF_ERROR(CheckRoom());
  EndTenure();
  return OkStatus();
}

void SharedEngine::Leave(Access access, const Status& outcome) {
  if (access == Access::kWrite && !outcome.ok()) {
    const MutexLock lock(mutex_);
    suspect_ = true;
  }
  LeaveGate();
}

// Lets go of the mutex meanwhile; the state keeps others from doing the same.
Status SharedEngine::Open(const Patience& patience, const EngineOpener& opener) {
  state_ = State::kTaking;
  mutex_.unlock();
  Status status;
  try {
    status = TakeAndOpen(patience, opener);
  } catch (const std::exception& e) {  // no memory, or no thread for the keeper
    status = ResourceExhausted("store " + place_.path() + ": cannot open it: " + e.what());
  }
  mutex_.lock();
  if (!status.ok()) {
    engine_.reset();
    held_.Release();
    state_ = State::kClosed;
  }
  changed_.notify_all();
  return status;
}

Status SharedEngine::TakeAndOpen(const Patience& patience, const EngineOpener& opener) {
  if (keeper_.joinable()) keeper_.join();  // it has said kClosed, so it ends
  const auto fail = [this](Status status) {
    return std::move(status).WithContext("store " + place_.path());
  };
  Result<Held> held = Turn(place_.path()).Take(patience, [this] { return InTheWay(); });
  if (!held.ok()) return fail(std::move(held).status());
  SHOJI_RETURN_IF_ERROR(WaitForOthers(patience));
  {
    const MutexLock lock(mutex_);
    state_ = State::kOpening;  // nobody may look for a holder now, see holder.h
  }
  const SignalsBlocked blocked;
  const bool made = place_.IsMade();
  Result<std::unique_ptr<Engine>> engine = opener(place_.db(), !made);
  if (!engine.ok()) return std::move(engine).status();
  if (!made) SHOJI_RETURN_IF_ERROR(place_.MarkMade());
  const MutexLock lock(mutex_);
  held_ = std::move(held).value();
  engine_ = std::move(engine).value();
  keeper_ = std::thread([this] { Keep(); });  // waits for the mutex
  suspect_ = over_ = false;
  // The caller has its call for sure, even if another process asks already.
  CountCall();
  entered_ = engine_.get();
  state_ = State::kOpen;
  gate_.fetch_add(kReady + 1);
  return OkStatus();
}

// It is our turn, but a program that knows nothing of turns may have the database open.
Status SharedEngine::WaitForOthers(const Patience& patience) const {
  for (std::string holder = HolderOf(place_.lock_file()); !holder.empty();
       holder = HolderOf(place_.lock_file())) {
    pollfd cancel{patience.cancel_fd, POLLIN, 0};
    const int left = patience.deadline.PollTimeout();
    const int pause = static_cast<int>(kForeign.count());
    const std::string why = "held by " + holder + ", which is not Shoji: end it";
    if (poll(&cancel, 1, std::min(left, pause)) > 0) return Cancelled("cancelled: " + why);
    if (patience.deadline.passed()) {
      return patience.Expired(why).WithContext("store " + place_.path());
    }
  }
  return OkStatus();
}

// What is in the log is written to a table when the engine is opened.
Status SharedEngine::CheckRoom() const {
  constexpr std::uint64_t kManifest = 256U << 10U;
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(place_.db()));
  std::uint64_t needed = kManifest;
  for (const std::string& name : names) {
    struct stat st {};
    const bool log = name.ends_with(".log");
    if (log && stat((place_.db() + "/" + name).c_str(), &st) == 0) {
      needed += static_cast<std::uint64_t>(st.st_size);
    }
  }
  struct statvfs disk {};
  if (statvfs(place_.db().c_str(), &disk) < 0) return OkStatus();  // opening will tell
  const std::uint64_t room = (geteuid() == 0 ? disk.f_bfree : disk.f_bavail) * disk.f_frsize;
  if (room >= needed) return OkStatus();
  return ResourceExhausted("store " + place_.path() + ": a write failed, and to go on it needs " +
                           std::to_string(needed) + " bytes of room; there are " +
                           std::to_string(room));
}

// While another thread opens or closes.
Status SharedEngine::WaitForState(const Patience& patience) {
  const auto pause = Deadline::After(patience.cancel_fd < 0 ? kIdle : kCancel);
  const Deadline until = pause.Min(patience.deadline);
  changed_.wait_until(mutex_, Deadline::Clock::time_point(std::chrono::nanoseconds(until.nanos())));
  SHOJI_RETURN_IF_ERROR(CheckCancelled(patience.cancel_fd));
  if (!patience.deadline.passed()) return OkStatus();
  const std::string holder =
      state_ == State::kTaking ? InTheWay()
                               : "held by " + DescribeProcess(getpid()) + ", another thread of it";
  return patience.Expired(holder).WithContext("store " + place_.path());
}

// In kTaking only.
std::string SharedEngine::InTheWay() const {
  const std::string holder = HolderOf(place_.lock_file());
  return "held by " + (holder.empty() ? "another process that just opens it" : holder);
}

// Wakes the keeper, if there is one.
void SharedEngine::EndTenure() {
  over_ = true;
  CloseGate();
  (void)eventfd_write(wake_.get(), 1);
}

void SharedEngine::Keep() {
  WatchUntilDue();
  Close();
}

void SharedEngine::WatchUntilDue() {
  const Deadline tenure = Deadline::After(kTenure);
  std::uint64_t seen = 0;
  bool asked = false;
  while (!IsOver()) {
    pollfd fds[] = {{wake_.get(), POLLIN, 0}, {asked ? -1 : held_.asked_fd(), POLLIN, 0}};
    const milliseconds pause = asked ? kQuiet : kIdle;
    const int ready = poll(fds, 2, static_cast<int>(pause.count()));
    if (fds[1].revents != 0) asked = true;
    const bool busy = WasBusy(&seen);
    if (asked && (!busy || tenure.passed())) return;
    if (ready == 0 && !busy && !IsSuspect()) return;  // nobody needs it
  }
}

bool SharedEngine::IsOver() {
  const MutexLock lock(mutex_);
  return over_;
}

bool SharedEngine::IsSuspect() {
  const MutexLock lock(mutex_);
  return suspect_;
}

// Whether there was a call since the last time.
bool SharedEngine::WasBusy(std::uint64_t* seen) const {
  const std::uint64_t calls = calls_.load(std::memory_order_relaxed);
  const std::uint64_t before = std::exchange(*seen, calls);
  return (gate_.load() & ~kReady) != 0 || before != calls;
}

void SharedEngine::Close() {
  std::unique_ptr<Engine> engine;
  {
    const MutexLock lock(mutex_);
    state_ = State::kClosing;
    CloseGate();
    while (gate_.load() != 0) changed_.wait(mutex_);
    engine = std::move(engine_);
  }
  engine.reset();
  held_.Release();
  const MutexLock lock(mutex_);
  std::uint64_t woken = 0;
  (void)eventfd_read(wake_.get(), &woken);
  over_ = false;
  state_ = State::kClosed;
  changed_.notify_all();
}

}  // namespace shoji::oneprocess

// VMs that wait, and the thread that makes them.
//
// Purpose  Keeps `size` VMs of one description ready. One that ends by itself is removed and
//          replaced; making one that fails is tried again, less and less often.
// Threads  Safe.
// Life     The destructor ends what is being made and removes all that wait.
// Example
//     Pool pool(host, {base, run_dir, 2, nullptr}, wanted, nullptr);
//     auto vm = pool.Take(wanted);
#ifndef SHOJI_FACTORIES_CACHE_POOL_H_
#define SHOJI_FACTORIES_CACHE_POOL_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "waiting.h"

namespace shoji::cache {

class Pool {
 public:
  struct Options {
    std::shared_ptr<const Base> base;
    std::string run_dir;
    std::size_t size = 2;
    bool warm_up = true;
    // For what other plugins say of failures; used by the thread, outlives the pool. May be null.
    shoji_error* error = nullptr;
  };
  struct Vm {
    std::int64_t pid = 0;
    std::uint32_t vcpus = 0;
    std::uint64_t memory_bytes = 0;
  };

  // `first`: one that is there already, or null.
  Pool(const sdk::Host& host, Options options, Wanted wanted, std::unique_ptr<Waiting> first);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // One that `wanted` matches, now the caller's. NOT_FOUND says why there is none.
  Result<std::unique_ptr<Waiting>> Take(const Wanted& wanted) SHOJI_EXCLUDES(mutex_);
  // Back among those that wait, as if it had not been taken.
  void GiveBack(std::unique_ptr<Waiting> vm) SHOJI_EXCLUDES(mutex_);
  // From now on VMs like this one; those of another kind are removed.
  void Want(const Wanted& wanted) SHOJI_EXCLUDES(mutex_);
  // Waits for the end of a child that belongs to another process now.
  void Reap(std::vector<UniqueFd> children) SHOJI_EXCLUDES(mutex_);
  // Until all are there. UNAVAILABLE tells why making one failed, CANCELLED that `cancel_fd` got
  // readable.
  Status AwaitFull(int cancel_fd, Deadline deadline) SHOJI_EXCLUDES(mutex_);
  // Makes no more.
  void Stop() SHOJI_EXCLUDES(mutex_);

  std::vector<Vm> List() SHOJI_EXCLUDES(mutex_);
  // Why the last attempt to make one failed; empty after a success.
  std::string Trouble() SHOJI_EXCLUDES(mutex_);
  Wanted wanted() SHOJI_EXCLUDES(mutex_);
  // Of the last VM that was made.
  Abilities abilities() SHOJI_EXCLUDES(mutex_);
  std::size_t size() const { return options_.size; }

 private:
  using Vms = std::deque<std::unique_ptr<Waiting>>;

  void Run();
  void MakeOne() SHOJI_EXCLUDES(mutex_);
  bool Due() SHOJI_REQUIRES(mutex_);
  Deadline NextLook() SHOJI_REQUIRES(mutex_);
  // Out of the list: they are destroyed without the lock.
  Vms TakeDead() SHOJI_EXCLUDES(mutex_);
  void ReapChildren() SHOJI_EXCLUDES(mutex_);
  void Sleep() SHOJI_EXCLUDES(mutex_);
  void Wake();

  const sdk::Host host_;
  const Options options_;
  const UniqueFd stop_;
  const UniqueFd wake_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  Wanted wanted_ SHOJI_GUARDED_BY(mutex_);
  Vms ready_ SHOJI_GUARDED_BY(mutex_);
  std::vector<UniqueFd> children_ SHOJI_GUARDED_BY(mutex_);
  Abilities abilities_ SHOJI_GUARDED_BY(mutex_);
  bool stopped_ SHOJI_GUARDED_BY(mutex_) = false;
  int failures_ SHOJI_GUARDED_BY(mutex_) = 0;
  std::string trouble_ SHOJI_GUARDED_BY(mutex_);
  Deadline not_before_ SHOJI_GUARDED_BY(mutex_);  // "never": at once
  std::thread thread_;                            // last: uses everything above
};

}  // namespace shoji::cache

#endif  // SHOJI_FACTORIES_CACHE_POOL_H_

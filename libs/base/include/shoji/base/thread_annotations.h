// Names for clang's thread-safety analysis; nothing for other compilers.
//
// Example  Mutex mutex_;  int count_ SHOJI_GUARDED_BY(mutex_) = 0;
#ifndef SHOJI_BASE_THREAD_ANNOTATIONS_H_
#define SHOJI_BASE_THREAD_ANNOTATIONS_H_

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define SHOJI_TSA(x) __attribute__((x))
#else
#define SHOJI_TSA(x)
#endif

#define SHOJI_GUARDED_BY(m) SHOJI_TSA(guarded_by(m))
#define SHOJI_PT_GUARDED_BY(m) SHOJI_TSA(pt_guarded_by(m))
#define SHOJI_REQUIRES(...) SHOJI_TSA(requires_capability(__VA_ARGS__))
#define SHOJI_EXCLUDES(...) SHOJI_TSA(locks_excluded(__VA_ARGS__))

namespace shoji {

// std::mutex that the analysis understands.
class SHOJI_TSA(capability("mutex")) Mutex {
 public:
  void lock() SHOJI_TSA(acquire_capability()) { mutex_.lock(); }
  void unlock() SHOJI_TSA(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds a Mutex for a scope; usable with std::condition_variable_any.
class SHOJI_TSA(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SHOJI_TSA(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() SHOJI_TSA(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace shoji

#endif  // SHOJI_BASE_THREAD_ANNOTATIONS_H_

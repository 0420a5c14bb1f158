// A store in memory that crashes where a test wants it to.
//
// Purpose  What it holds outlives the crash, as a disk does: test what the next process
//          makes of it.
// Threads  One thread.
// Life     Outlives the Store objects that Open() gives.
// Example
//     MemoryStore disk;
//     disk.CrashAt(2, false);  // the second change from now on fails, and all calls after it
//     ... use disk.Open() ...
//     disk.Restart();
#ifndef SHOJI_CORE_TESTING_MEMORY_STORE_H_
#define SHOJI_CORE_TESTING_MEMORY_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "plugin/interfaces.h"
#include "shoji/status.h"

namespace shoji::testing {

class MemoryStore {
 public:
  bool can_scan = true;
  bool has_transactions = true;
  std::map<std::string, std::string> keys;
  std::map<std::string, Status> unreadable;  // keys whose load() fails

  std::unique_ptr<Store> Open(const std::string& name = "store memory");

  // `applied`: the change is made all the same, only its answer is lost.
  void CrashAt(int change, bool applied);
  void Restart();
  int changes() const { return changes_; }

  // What each slot asks before it does anything. A transaction is one change.
  Status Enter() const;
  // Makes a change unless it crashes.
  template <typename Work>
  Status Change(Work work) {
    SHOJI_RETURN_IF_ERROR(Enter());
    ++changes_;
    const bool crash = crash_at_ > 0 && changes_ >= crash_at_;
    if (!crash || applied_) work();
    down_ = crash;
    return Enter();
  }

 private:
  int changes_ = 0;
  int crash_at_ = 0;
  bool applied_ = false;
  bool down_ = false;
};

}  // namespace shoji::testing

#endif  // SHOJI_CORE_TESTING_MEMORY_STORE_H_

// Reads what QEMU and its guest say and keeps the last of it.
//
// Purpose  A thread empties the sockets of the consoles and QEMU's stderr all the time, so that
//          the guest never waits for us, and a guest that floods its console costs no memory.
// Threads  Safe; one thread of its own until destroyed.
// Life     When it goes, the streams are closed; QEMU drops console output from then on.
// Example  TailReader tail(std::move(streams), on_line);  tail.Text(0)
#ifndef SHOJI_HYPERVISORS_QEMU_TAIL_READER_H_
#define SHOJI_HYPERVISORS_QEMU_TAIL_READER_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "console.h"
#include "shoji/base/deadline.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"

namespace shoji::qemu {

// More to do for the reading thread.
struct TailHooks {
  std::function<void(std::size_t stream)> on_end;  // a stream has ended
  std::unique_ptr<ConsoleTee> tee;                 // gets the bytes of stream `teed`
  std::size_t teed = 0;
};

class TailReader {
 public:
  static constexpr std::size_t kKept = 16U << 10U;  // bytes per stream

  // Called by the reading thread with each whole line, without its end.
  using OnLine = std::function<void(std::size_t stream, std::string_view line)>;

  TailReader(std::vector<UniqueFd> streams, OnLine on_line, TailHooks hooks = {});
  ~TailReader();
  TailReader(const TailReader&) = delete;
  TailReader& operator=(const TailReader&) = delete;

  // The last bytes of a stream, beginning with a whole line.
  std::string Text(std::size_t stream) const;

  // Waits until every stream has ended; false when the deadline came first.
  bool WaitEnd(Deadline deadline) const;

 private:
  struct Stream {
    UniqueFd fd;         // touched by the reading thread only
    std::string line;    // unfinished line, for on_line_; the same
    std::string kept;    // guarded by mutex_
    bool cut = false;    // guarded by mutex_: something before `kept` was dropped
    bool ended = false;  // guarded by mutex_
  };

  void Run();
  bool ReadSome(std::size_t index);
  void Keep(Stream& stream, std::string_view bytes);
  void GiveLines(std::size_t index, std::string_view bytes);
  void End(std::size_t index);

  OnLine on_line_;
  TailHooks hooks_;
  UniqueFd stop_;
  mutable Mutex mutex_;
  mutable std::condition_variable_any ended_;
  std::vector<Stream> streams_;
  std::thread thread_;
};

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_TAIL_READER_H_

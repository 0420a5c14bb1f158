// What one end of a yamux session does in the tests and benchmarks.
//
// Purpose  The same works as those of the Go peer beside this folder, under the same names, so
//          that either can be put at either end.
// Threads  One.
// Example  std::unique_ptr<Work> work = MakeWork({"sink"}); work->Start(&session);
#ifndef SHOJI_YAMUX_TESTING_WORK_H_
#define SHOJI_YAMUX_TESTING_WORK_H_

#include <memory>
#include <string>
#include <vector>

#include "shoji/yamux/session.h"

namespace shoji::yamux {

class Work : public Listener {
 public:
  virtual void Start(Session* session) = 0;
  // Our part is over: the program prints result() and closes the session.
  virtual bool done() const = 0;
  // Empty: nothing to say. Begins with "error": something was wrong.
  virtual std::string result() const { return ""; }
};

// Null for what is no work.
std::unique_ptr<Work> MakeWork(const std::vector<std::string>& arguments);

std::unique_ptr<Work> MakeEcho(std::size_t streams, unsigned seed);
std::unique_ptr<Work> MakeSink();
std::unique_ptr<Work> MakeSource(std::size_t streams, std::size_t bytes);
std::unique_ptr<Work> MakeOpen(std::size_t count);

}  // namespace shoji::yamux

#endif  // SHOJI_YAMUX_TESTING_WORK_H_

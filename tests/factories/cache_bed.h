// What the tests of waiting VMs share: servers in processes of their own.
//
// Threads  One.
// Life     The destructor ends a server that still runs, by force.
// Example  ServerProcess server(bed.root(), {});  ASSERT_TRUE(server.AwaitReady(2));
#ifndef SHOJI_TESTS_FACTORIES_CACHE_BED_H_
#define SHOJI_TESTS_FACTORIES_CACHE_BED_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "bed.h"
#include "shoji/spawn/spawn.h"

namespace shoji::factories_test {

using api_test::Bed;
using api_test::Overrides;

// `shoji factory serve` on the state directory of a Bed.
class ServerProcess {
 public:
  ServerProcess(const std::string& root, const Overrides& more);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  pid_t pid() const;
  // Sends `signal` and waits for the end: the exit status, or 128 + the signal that ended it.
  int End(int signal);
  // Waits for an end that somebody else asked for.
  int AwaitEnd();
  const std::string& log() const { return log_; }

 private:
  std::string log_;
  std::unique_ptr<Child> child_;
};

// A `shoji` with the options of a Bed's Runtimes; ends when its command does.
std::unique_ptr<Child> StartShoji(const std::string& root, const Overrides& more,
                                  const std::vector<std::string>& words, const std::string& out);

// "ready" of the factory's status.
int Ready(Runtime& runtime);
// Until so many wait; fails the test after two minutes.
bool AwaitReady(Runtime& runtime, int count);
// The processes that wait, by the factory's status.
std::vector<pid_t> WaitingPids(Runtime& runtime);
// Names below <root>/run/factory: directories, links and sockets.
std::vector<std::string> FactoryFiles(const std::string& root);

}  // namespace shoji::factories_test

#endif  // SHOJI_TESTS_FACTORIES_CACHE_BED_H_

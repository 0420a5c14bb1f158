// For tests: calls to the agent of a guest over its serial port.
//
// Threads  One.
// Example  AgentLine line(endpoint);  EXPECT_EQ(line.Check(), "");
#ifndef SHOJI_TESTS_QEMU_AGENT_LINE_H_
#define SHOJI_TESTS_QEMU_AGENT_LINE_H_

#include <memory>
#include <string>
#include <vector>

namespace shoji::qemu::testing {

// Each call gives the empty text or what went wrong.
class AgentLine {
 public:
  explicit AgentLine(const std::string& socket);
  ~AgentLine();

  // Lets gRPC open what it keeps open for the life of the process.
  static void OpenOnce();

  std::string Check();
  // One that has answered. What the guest still says to the line before it, cut off by a pause,
  // may end the first try, as it would for any host that comes back.
  static std::unique_ptr<AgentLine> Talk(const std::string& socket);
  // Begins the sandbox with the share mounted as `storage`, the answer of share_mount().
  std::string MountShare(const std::string& storage);
  // Runs busybox in a container with the directory "rootfs" of the share as its root.
  std::string Run(const std::vector<std::string>& args, std::string* output);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoji::qemu::testing

#endif  // SHOJI_TESTS_QEMU_AGENT_LINE_H_

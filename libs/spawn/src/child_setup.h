// The part of Spawn() that runs in the child, between clone and exec.
//
// Purpose  The child shares the caller's memory until it execs. All it needs is prepared
//          beforehand, it allocates nothing and speaks to the kernel only.
// Threads  RunChild() runs while the thread that called Spawn() is suspended.
#ifndef SHOJI_SPAWN_SRC_CHILD_SETUP_H_
#define SHOJI_SPAWN_SRC_CHILD_SETUP_H_

#include <string>
#include <utility>
#include <vector>

namespace shoji::internal {

enum class ChildStep { kNone, kNetwork, kDescriptors, kDirectory, kSession, kTerminal, kExec };

// Prepared by the parent; `step` and `error` are the child's answer.
struct ChildJob {
  std::vector<std::string> candidates;   // paths to try, in order
  std::vector<char*> argv;               // null-terminated
  std::vector<char*> env;                // null-terminated
  std::vector<std::pair<int, int>> fds;  // sorted by target; second = number in the child
  std::vector<int> staged;               // scratch, as long as fds
  const char* cwd = "/";
  bool new_session = false;
  bool controlling_terminal = false;
  int network = -1;  // descriptor of the namespace to enter

  ChildStep step = ChildStep::kNone;
  int error = 0;
};

// Entry of the child; does not return when exec succeeds.
int RunChild(void* job);

}  // namespace shoji::internal

#endif  // SHOJI_SPAWN_SRC_CHILD_SETUP_H_

// A lock between processes, as a file that exists only while somebody holds it or waits.
//
// Purpose  Who makes a template holds one; others wait, as long as their call allows.
// Threads  One object belongs to one thread at a time.
// Life     Ends with the process, however it ends.
// Example  SHOJI_ASSIGN_OR_RETURN(const Lock lock, Lock::Wait(path, call, "template 01ab"));
#ifndef SHOJI_FACTORIES_TEMPLATE_LOCK_H_
#define SHOJI_FACTORIES_TEMPLATE_LOCK_H_

#include <optional>
#include <string>

#include "shoji/base/unique_fd.h"
#include "shoji/plugin/base.h"
#include "shoji/status.h"

namespace shoji::templates {

class Lock {
 public:
  Lock() = default;
  Lock(Lock&&) = default;
  Lock& operator=(Lock&&) = delete;
  ~Lock();

  // CANCELLED and DEADLINE_EXCEEDED as `call` says.
  static Result<Lock> Wait(const std::string& path, const shoji_call* call,
                           const std::string& what);
  // Nothing when another process has it.
  static Result<std::optional<Lock>> Try(const std::string& path);

 private:
  Lock(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  UniqueFd fd_;
  std::string path_;
};

// The file or directory that was opened is still what the path names.
bool IsStillAt(int fd, const std::string& path);

}  // namespace shoji::templates

#endif  // SHOJI_FACTORIES_TEMPLATE_LOCK_H_

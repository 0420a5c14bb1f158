// The system call filter of a specification (linux.seccomp).
//
// Threads  Value; Load changes the calling process.
// Example  SHOJI_ASSIGN_OR_RETURN(auto filter, SeccompFilter::Make(spec.linux().seccomp()));
//          child, last thing before exec: filter->Load();
#ifndef SHOJI_GUEST_AGENT_JAIL_SYSCALL_FILTER_H_
#define SHOJI_GUEST_AGENT_JAIL_SYSCALL_FILTER_H_

#include <memory>

#include "shoji-kata/oci.pb.h"
#include "shoji/status.h"

namespace shoji::jail {

class SeccompFilter {
 public:
  // INVALID_ARGUMENT names an unknown action, architecture, operator or argument. A system
  // call whose name this architecture does not have is left out: lists are written for all.
  static Result<std::shared_ptr<const SeccompFilter>> Make(const grpc::LinuxSeccomp& seccomp);
  virtual ~SeccompFilter() = default;

  // Needs no_new_privs or CAP_SYS_ADMIN.
  virtual Status Load() const = 0;
};

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_SYSCALL_FILTER_H_

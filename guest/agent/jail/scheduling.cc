#include "jail/scheduling.h"

#include <sched.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

struct Word {
  const char* name;
  unsigned value;
};

constexpr Word kPolicies[] = {{"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},
                              {"SCHED_BATCH", 3}, {"SCHED_IDLE", 5}, {"SCHED_DEADLINE", 6}};
constexpr Word kFlags[] = {{"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
                           {"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
                           {"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
                           {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}};
constexpr Word kIoClasses[] = {
    {"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};

template <typename Table>
Result<unsigned> Find(const Table& table, const std::string& name, const char* field) {
  for (const Word& word : table) {
    if (name == word.name) return unsigned{word.value};
  }
  return InvalidArgument(std::string(field) + ": \"" + name + "\" is not known");
}

Result<SchedulerAttributes> ParseScheduler(const grpc::LinuxScheduler& in) {
  SchedulerAttributes out;
  SHOJI_ASSIGN_OR_RETURN(out.policy, Find(kPolicies, in.policy(), "process.scheduler.policy"));
  for (const std::string& name : in.flags()) {
    SHOJI_ASSIGN_OR_RETURN(const unsigned flag, Find(kFlags, name, "process.scheduler.flags"));
    out.flags |= flag;
  }
  if (in.nice() < -20 || in.nice() > 19) {
    return InvalidArgument("process.scheduler.nice is " + std::to_string(in.nice()) +
                           ", allowed are -20 to 19");
  }
  if (in.priority() < 0 || in.priority() > 99) {
    return InvalidArgument("process.scheduler.priority is " + std::to_string(in.priority()) +
                           ", allowed are 0 to 99");
  }
  out.nice = static_cast<std::int32_t>(in.nice());
  out.priority = static_cast<std::uint32_t>(in.priority());
  out.runtime = in.runtime();
  out.deadline = in.deadline();
  out.period = in.period();
  return out;
}

Result<int> ParseIoPriority(const grpc::LinuxIOPriority& in) {
  SHOJI_ASSIGN_OR_RETURN(const unsigned group,
                         Find(kIoClasses, in.class_(), "process.ioPriority.class"));
  if (in.priority() < 0 || in.priority() > 7) {
    return InvalidArgument("process.ioPriority.priority is " + std::to_string(in.priority()) +
                           ", allowed are 0 to 7");
  }
  return static_cast<int>(group << 13U | static_cast<unsigned>(in.priority()));
}

}  // namespace

Result<Scheduling> ParseScheduling(const grpc::Process& process) {
  Scheduling out;
  if (process.has_scheduler()) {
    SHOJI_ASSIGN_OR_RETURN(out.scheduler, ParseScheduler(process.scheduler()));
  }
  if (process.has_iopriority()) {
    SHOJI_ASSIGN_OR_RETURN(out.io_priority, ParseIoPriority(process.iopriority()));
  }
  return out;
}

Status Scheduling::Apply() const {
  constexpr int kThisProcess = 1;  // IOPRIO_WHO_PROCESS
  if (scheduler && syscall(SYS_sched_setattr, 0, &*scheduler, 0) < 0)
    return ErrnoStatus(errno, "process.scheduler: cannot set it");
  if (io_priority && syscall(SYS_ioprio_set, kThisProcess, 0, *io_priority) < 0)
    return ErrnoStatus(errno, "process.ioPriority: cannot set it");
  return OkStatus();
}

Result<std::optional<unsigned long>> ParsePersonality(const grpc::Linux& os) {
  std::optional<unsigned long> domain;
  if (!os.has_personality()) return domain;
  if (!os.personality().flags().empty())
    return InvalidArgument("linux.personality.flags: the specification has no flags yet");
  if (os.personality().domain() == "LINUX") {
    domain = PER_LINUX;
  } else if (os.personality().domain() == "LINUX32") {
    domain = PER_LINUX32;
  } else {
    return InvalidArgument("linux.personality.domain: \"" + os.personality().domain() +
                           "\" is not LINUX or LINUX32");
  }
  return domain;
}

Status ApplyPersonality(std::optional<unsigned long> domain) {
  if (domain && personality(*domain) < 0)
    return ErrnoStatus(errno, "linux.personality: cannot set it");
  return OkStatus();
}

}  // namespace shoji::jail

// How the kernel schedules a process: process.scheduler, process.ioPriority and
// linux.personality.
//
// Threads  Parsing is pure; Apply changes the calling process.
// Example  SHOJI_ASSIGN_OR_RETURN(Scheduling s, ParseScheduling(process)); ... s.Apply();
#ifndef SHOJI_GUEST_AGENT_JAIL_SCHEDULING_H_
#define SHOJI_GUEST_AGENT_JAIL_SCHEDULING_H_

#include <cstdint>
#include <optional>

#include "shoji-kata/oci.pb.h"
#include "shoji/status.h"

namespace shoji::jail {

// As sched_setattr(2) wants it (its first version).
struct SchedulerAttributes {
  std::uint32_t size = sizeof(SchedulerAttributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

struct Scheduling {
  std::optional<SchedulerAttributes> scheduler;
  std::optional<int> io_priority;  // class and level, as ioprio_set(2) wants them

  Status Apply() const;
};

// INVALID_ARGUMENT names the field.
Result<Scheduling> ParseScheduling(const grpc::Process& process);

// The execution domain; none when the specification names none.
Result<std::optional<unsigned long>> ParsePersonality(const grpc::Linux& os);
Status ApplyPersonality(std::optional<unsigned long> domain);

}  // namespace shoji::jail

#endif  // SHOJI_GUEST_AGENT_JAIL_SCHEDULING_H_

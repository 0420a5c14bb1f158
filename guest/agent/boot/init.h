// What PID 1 of the VM does before it serves, and when it must end.
//
// Threads  The loop's, before and after it runs.
// Example  if (Status s = PrepareRoot(); !s.ok()) PowerOff(s);
#ifndef SHOJI_GUEST_AGENT_BOOT_INIT_H_
#define SHOJI_GUEST_AGENT_BOOT_INIT_H_

#include "shoji/status.h"

namespace shoji::agent {

// Makes / a mount that pivot_root can leave (the initial RAM file system is not one), and
// mounts what finding the channel takes: /proc, /sys, /dev.
Status PrepareRoot();

// Mounts what containers take: devpts, shm, cgroups, tmpfs on /run and /tmp; brings up lo.
// Says what failed; the rest is done all the same.
Status PrepareForContainers();

// Tells the console why, and ends the VM.
[[noreturn]] void PowerOff(const Status& why);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_BOOT_INIT_H_

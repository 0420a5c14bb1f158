// Says which plugin it was when the program crashes.
//
// Purpose  A plugin that aborts or touches wild memory ends the program. The line
//          `shoji: plugin "store kv" (/path) crashed in open()` is then the difference
//          between a mystery and a bug report. What happens otherwise stays as it was: the
//          signal, its status, the core dump.
// Threads  Call once, at the start of main().
// Limits   A plugin that overflows the stack of its thread leaves no room for the handler.
#ifndef SHOJI_PROGRAMS_SHOJI_CRASH_NOTE_H_
#define SHOJI_PROGRAMS_SHOJI_CRASH_NOTE_H_

namespace shoji::cli {

void InstallCrashNote();

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_CRASH_NOTE_H_

// How the core calls plugins: deadline and cancellation in, Status out.
//
// Threads  Value.
// Example  vm->Start(Call{Deadline::After(10s)});
#ifndef SHOJI_CORE_PLUGIN_CALL_H_
#define SHOJI_CORE_PLUGIN_CALL_H_

#include "shoji/base/deadline.h"

namespace shoji {

struct Call {
  Deadline deadline;   // never by default
  int cancel_fd = -1;  // readable = give up; borrowed
};

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_CALL_H_

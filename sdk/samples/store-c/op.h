/* One call of the host: whom to tell about a failure, and how long it may last.
 *
 * Threads  An Op lives on the stack of the thread that was called.
 * Example  Op op = {store->host, call, err};
 *          if (fd < 0) return FailErrno(&op, "store file %s: cannot open", path);
 */
#ifndef CSTORE_OP_H_
#define CSTORE_OP_H_

#include "shoji/plugin/base.h"

typedef struct Op {
  const shoji_host* host;
  const shoji_call* call; /* may be NULL: no deadline, cannot be cancelled */
  shoji_error* err;       /* may be NULL: nobody asks */
} Op;

/* Sets the error and returns `code`. */
int32_t Fail(const Op* op, int32_t code, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a system call that just failed: the code and the end of the message
 * come from errno. */
int32_t FailErrno(const Op* op, const char* format, ...) __attribute__((format(printf, 2, 3)));

/* SHOJI_OK while the call may go on, else CANCELLED or DEADLINE_EXCEEDED. Waits up to
 * `wait_ms` for the caller to cancel. */
int32_t MayGoOn(const Op* op, int wait_ms);

#endif

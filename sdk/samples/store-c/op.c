#include "op.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { kMessageMax = 1024 };

static int32_t Set(const Op* op, int32_t code, int sys_errno, const char* message) {
  const shoji_str text = {message, strlen(message)};
  op->host->error_set(op->err, code, sys_errno, text);
  return code;
}

/* A message is one line; a key may hold any byte. */
static void MakeOneLine(char* message) {
  for (; *message != '\0'; ++message) {
    if ((unsigned char)*message < 0x20 || *message == 0x7f) *message = '?';
  }
}

int32_t Fail(const Op* op, int32_t code, const char* format, ...) {
  char message[kMessageMax];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof(message), format, arguments);
  va_end(arguments);
  MakeOneLine(message);
  return Set(op, code, 0, message);
}

static int32_t CodeOf(int sys_errno) {
  switch (sys_errno) {
    case EACCES:
    case EPERM:
    case EROFS:
      return SHOJI_PERMISSION_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return SHOJI_RESOURCE_EXHAUSTED;
    case ENOENT:
    case ENOTDIR:
      return SHOJI_FAILED_PRECONDITION;
    default:
      return SHOJI_UNKNOWN;
  }
}

int32_t FailErrno(const Op* op, const char* format, ...) {
  const int saved = errno;
  char what[kMessageMax - 128];
  char message[kMessageMax];
  char reason[100];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof(what), format, arguments);
  va_end(arguments);
  if (strerror_r(saved, reason, sizeof(reason)) != 0) snprintf(reason, sizeof(reason), "?");
  snprintf(message, sizeof(message), "%s: %s (errno %d)", what, reason, saved);
  return Set(op, CodeOf(saved), saved, message);
}

static int64_t Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int32_t MayGoOn(const Op* op, int wait_ms) {
  struct pollfd cancel = {-1, POLLIN, 0}; /* poll() passes over a negative descriptor */
  if (SHOJI_HAS(shoji_call, op->call, cancel_fd)) cancel.fd = op->call->cancel_fd;
  if (poll(&cancel, 1, wait_ms) > 0) return Fail(op, SHOJI_CANCELLED, "cancelled by the caller");
  if (SHOJI_HAS(shoji_call, op->call, deadline_ns) && op->call->deadline_ns != 0 &&
      Now() >= op->call->deadline_ns) {
    return Fail(op, SHOJI_DEADLINE_EXCEEDED, "the call's deadline has passed");
  }
  return SHOJI_OK;
}

// The proxy from its first connection to its end.
//
// Threads  Blocks SIGTERM, SIGINT and SIGHUP in the calling thread, which must be the only one.
// Example  const Status ended = Serve(options, log);
#ifndef SHOJI_PROGRAMS_PROXY_SERVE_H_
#define SHOJI_PROGRAMS_PROXY_SERVE_H_

#include "log.h"
#include "options.h"
#include "shoji/status.h"

namespace shoji::proxy {

// OK when a signal ended it; else why it could not start, or go on. Its socket is removed.
Status Serve(const Options& options, const Log& log);

}  // namespace shoji::proxy

#endif  // SHOJI_PROGRAMS_PROXY_SERVE_H_

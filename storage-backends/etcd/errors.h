// What etcd's and gRPC's errors mean here.
//
// Threads  Safe, no state.
// Example  const Verdict v = Judge(grpc_status); if (v.stale_token) ...
#ifndef SHOJI_ETCD_ERRORS_H_
#define SHOJI_ETCD_ERRORS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "settings.h"
#include "shoji/status.h"

namespace shoji::etcd {

struct Verdict {
  bool unsent = false;       // the server never saw the request
  bool unreachable = false;  // this server does not answer; another one may
  bool stale_token = false;  // authenticate again
};

Verdict Judge(const grpc::Status& status);

// One line that names the endpoint, what was asked, and what to do.
Status Explain(const grpc::Status& status, const std::string& what, const Endpoint& endpoint,
               const Settings& settings);

// The words that stand for conditions the store handles itself.
bool IsCompacted(const Status& status);  // that revision is no longer there
bool IsPieceGone(const Status& status);  // a piece or its lease has expired

}  // namespace shoji::etcd

#endif  // SHOJI_ETCD_ERRORS_H_

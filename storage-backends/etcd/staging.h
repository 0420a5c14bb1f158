// Values that are too large for one request, written ahead in pieces.
//
// Purpose  The pieces hang on a lease until the transaction that makes them the record's frees
//          them from it. A writer that is killed leaves them to the lease: etcd removes them,
//          and never those of a writer that goes on, for that one's transaction fails if they
//          are gone.
// Threads  One.
// Example  Staging staging(&rpc, &layout, call);
//          SHOJI_ASSIGN_OR_RETURN(const Pieces p, staging.Upload(value));
//          // commit; the destructor gives the lease back
#ifndef SHOJI_ETCD_STAGING_H_
#define SHOJI_ETCD_STAGING_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "layout.h"
#include "rpc.h"

namespace shoji::etcd {

struct Pieces {
  std::string generation;
  std::uint32_t count = 0;
};

// Bytes of a request that may be used for keys and values.
std::uint64_t RequestBudget(const Settings& settings);

class Staging {
 public:
  Staging(Rpc* rpc, const Layout* layout, const shoji_call* call)
      : rpc_(rpc), layout_(layout), call_(call) {}
  // What was not committed is removed with the lease.
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  Result<Pieces> Upload(std::string_view value);

 private:
  Status TakeLease();

  Rpc* const rpc_;
  const Layout* const layout_;
  const shoji_call* const call_;
  std::int64_t lease_ = 0;
};

}  // namespace shoji::etcd

#endif  // SHOJI_ETCD_STAGING_H_

// A set of changes as one transaction of etcd.
//
// Purpose  Turns changes into a TxnRequest that applies all or none, at the same time removes
//          the pieces of the values it replaces, and fails if somebody else has replaced them
//          since we looked. More operations than etcd allows in one list go into nested
//          transactions, which etcd applies as one.
// Threads  Values.
// Example  Seen seen;  // nothing: right if no record concerned is in pieces
//          request = changes.Build(seen); ... reply.succeeded() or seen = SeenIn(reply)
#ifndef SHOJI_ETCD_CHANGES_H_
#define SHOJI_ETCD_CHANGES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "layout.h"
#include "settings.h"
#include "shoji-etcd/rpc.pb.h"
#include "shoji/sdk/store.h"
#include "staging.h"

namespace shoji::etcd {

// The generations of records in pieces, as of a revision.
struct Seen {
  std::int64_t revision = 0;
  std::map<std::string, std::string> generations;  // by marker key
};

// What the failure branch of a transaction found.
Seen SeenIn(const etcdserverpb::TxnResponse& reply);

struct Change {
  bool remove = false;
  std::string_view key;
  std::string_view value;
  Pieces pieces;  // count 0: the value goes into the record
};

class Changes {
 public:
  // The last change of each key, in the order of keys: etcd refuses a key named twice.
  Changes(const std::vector<sdk::StoreOp>& ops, const Layout* layout, const Settings* settings);

  // The changes whose values have to go ahead in pieces so that the rest fits a request.
  std::vector<Change*> TooLarge();
  // RESOURCE_EXHAUSTED names the limit and its option.
  Result<etcdserverpb::TxnRequest> Build(const Seen& seen) const;

 private:
  struct Range {
    std::string first;
    std::string end;  // empty: one key
  };

  void Append(const Change& change, const Seen& seen,
              std::vector<etcdserverpb::RequestOp>* out) const;
  std::vector<Range> Watched() const;
  Status Pack(std::vector<etcdserverpb::RequestOp> ops, etcdserverpb::TxnRequest* out) const;

  const Layout* layout_;
  const Settings* settings_;
  std::vector<Change> list_;
};

}  // namespace shoji::etcd

#endif  // SHOJI_ETCD_CHANGES_H_

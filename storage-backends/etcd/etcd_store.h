// A store in an etcd cluster, through the v3 API.
//
// Purpose  Records that several machines see; etcd acknowledges a change when a majority has it
//          on disk. A save is one transaction, hence one round trip.
// Large    Values over etcd's request limit are written ahead in pieces (staging.h), then one
//          transaction switches the record to them. A load reads record and pieces as of one
//          revision: it sees the old value or the new one, whole.
// Threads  Safe; processes share it freely.
// Example  EtcdStore::OpenWith(settings, [] { return Result<std::string>("password"); })
#ifndef SHOJI_ETCD_ETCD_STORE_H_
#define SHOJI_ETCD_ETCD_STORE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "changes.h"
#include "layout.h"
#include "rpc.h"
#include "shoji/sdk/store.h"

namespace shoji::etcd {

class EtcdStore {
 public:
  static Result<std::unique_ptr<EtcdStore>> Open(const sdk::Host& host,
                                                 const sdk::OptionMap& options);
  static Result<std::unique_ptr<EtcdStore>> OpenWith(Settings settings,
                                                     Rpc::PasswordReader password);

  Status Save(const shoji_call* call, std::string_view key, std::string_view value);
  Result<std::string> Load(const shoji_call* call, std::string_view key);
  Status Remove(const shoji_call* call, std::string_view key);
  Result<std::vector<std::string>> Scan(const shoji_call* call, std::string_view prefix);
  Status Apply(const shoji_call* call, const std::vector<sdk::StoreOp>& ops);

 private:
  EtcdStore(Settings settings, Rpc::PasswordReader password)
      : layout_(settings.prefix), rpc_(std::move(settings), std::move(password)) {}

  Status CheckFormat();
  Status WriteFormat(std::string* ret_found);
  Status ApplyOnce(const shoji_call* call, const std::vector<sdk::StoreOp>& ops);
  Status Commit(const shoji_call* call, const Changes& changes);
  Result<std::string> LoadPieces(const shoji_call* call, const Record& record,
                                 std::int64_t revision);
  Status ScanAt(const shoji_call* call, std::string_view prefix, std::vector<std::string>* out);
  Status WithQuota(Status status);

  const Layout layout_;
  Rpc rpc_;
};

}  // namespace shoji::etcd

#endif  // SHOJI_ETCD_ETCD_STORE_H_

// The store "rocksdb".
//
// Options  those of oneprocess::Store, `write_buffer`, `compression`.
// Threads  Safe.
// Example  i.Add(SHOJI_STORE_V1, sdk::StoreTable<RocksDbStore>());
#ifndef SHOJI_ROCKSDB_ROCKSDB_STORE_H_
#define SHOJI_ROCKSDB_ROCKSDB_STORE_H_

#include <memory>

#include "oneprocess/store.h"

namespace shoji::rocksdb_store {

class RocksDbStore : public oneprocess::Store {
 public:
  static Result<std::unique_ptr<RocksDbStore>> Open(const sdk::Host& host,
                                                    const sdk::OptionMap& options);

 private:
  using Store::Store;
};

}  // namespace shoji::rocksdb_store

#endif  // SHOJI_ROCKSDB_ROCKSDB_STORE_H_

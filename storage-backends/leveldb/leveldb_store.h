// The store "leveldb".
//
// Options  those of oneprocess::Store, `write_buffer`, `compression`.
// Threads  Safe.
// Example  i.Add(SHOJI_STORE_V1, sdk::StoreTable<LevelDbStore>());
#ifndef SHOJI_LEVELDB_LEVELDB_STORE_H_
#define SHOJI_LEVELDB_LEVELDB_STORE_H_

#include <memory>

#include "oneprocess/store.h"

namespace shoji::leveldb_store {

class LevelDbStore : public oneprocess::Store {
 public:
  static Result<std::unique_ptr<LevelDbStore>> Open(const sdk::Host& host,
                                                    const sdk::OptionMap& options);

 private:
  using Store::Store;
};

}  // namespace shoji::leveldb_store

#endif  // SHOJI_LEVELDB_LEVELDB_STORE_H_

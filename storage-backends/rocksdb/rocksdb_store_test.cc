#include "rocksdb_store.h"

#include "oneprocess/testing/store_test.h"
#include "rocksdb_engine.h"

namespace shoji::oneprocess::testing {
namespace {

struct RocksDb {
  using Store = rocksdb_store::RocksDbStore;
  static constexpr char kName[] = "rocksdb";
  static constexpr char kTable[] = ".sst";
  static Result<std::unique_ptr<Engine>> OpenEngine(const std::string& db) {
    return rocksdb_store::OpenRocksDb(db, true, {});
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(RocksDb, EngineStoreTest, RocksDb);

}  // namespace
}  // namespace shoji::oneprocess::testing

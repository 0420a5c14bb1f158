#include "leveldb_store.h"

#include "leveldb_engine.h"
#include "oneprocess/testing/store_test.h"

namespace shoji::oneprocess::testing {
namespace {

struct LevelDb {
  using Store = leveldb_store::LevelDbStore;
  static constexpr char kName[] = "leveldb";
  static constexpr char kTable[] = ".ldb";
  static Result<std::unique_ptr<Engine>> OpenEngine(const std::string& db) {
    return leveldb_store::OpenLevelDb(db, true, {});
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(LevelDb, EngineStoreTest, LevelDb);

}  // namespace
}  // namespace shoji::oneprocess::testing

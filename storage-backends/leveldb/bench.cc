// leveldb_store_bench: the store against LevelDB itself.
#include "oneprocess/testing/bench.h"

#include <leveldb/cache.h>
#include <leveldb/db.h>

#include "leveldb_store.h"

namespace {

using shoji::oneprocess::testing::Raw;

Raw RawLevelDb() {
  const auto cache = std::shared_ptr<leveldb::Cache>(leveldb::NewLRUCache(1U << 20U));
  const auto db = std::make_shared<std::unique_ptr<leveldb::DB>>();
  Raw raw;
  raw.open = [db, cache](const std::string& path) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.paranoid_checks = true;
    options.max_open_files = 64;
    options.block_cache = cache.get();
    leveldb::DB* opened = nullptr;
    if (!leveldb::DB::Open(options, path, &opened).ok()) std::abort();
    db->reset(opened);
  };
  raw.close = [db] { db->reset(); };
  raw.save = [db](const std::string& key, const std::string& value) {
    leveldb::WriteOptions options;
    options.sync = true;
    if (!(*db)->Put(options, key, value).ok()) std::abort();
  };
  raw.load = [db](const std::string& key) {
    leveldb::ReadOptions options;
    options.verify_checksums = true;
    std::string value;
    if (!(*db)->Get(options, key, &value).ok()) std::abort();
    return value;
  };
  return raw;
}

}  // namespace

int main() {
  shoji::oneprocess::testing::Bench(
      "leveldb", shoji::sdk::StoreTable<shoji::leveldb_store::LevelDbStore>(), RawLevelDb())
      .Run();
}

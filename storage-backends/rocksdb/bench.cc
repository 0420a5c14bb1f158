// rocksdb_store_bench: the store against RocksDB itself.
#include "oneprocess/testing/bench.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include "rocksdb_store.h"

namespace {

using shoji::oneprocess::testing::Raw;

// RocksDB as it comes, but for the size of its buffer.
Raw RawRocksDb() {
  const auto db = std::make_shared<std::unique_ptr<rocksdb::DB>>();
  Raw raw;
  raw.open = [db](const std::string& path) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = 4U << 20U;
    options.compression = rocksdb::kSnappyCompression;
    rocksdb::DB* opened = nullptr;
    if (!rocksdb::DB::Open(options, path, &opened).ok()) std::abort();
    db->reset(opened);
  };
  raw.close = [db] { db->reset(); };
  raw.save = [db](const std::string& key, const std::string& value) {
    rocksdb::WriteOptions options;
    options.sync = true;
    if (!(*db)->Put(options, key, value).ok()) std::abort();
  };
  raw.load = [db](const std::string& key) {
    std::string value;
    if (!(*db)->Get({}, key, &value).ok()) std::abort();
    return value;
  };
  return raw;
}

}  // namespace

int main() {
  shoji::oneprocess::testing::Bench(
      "rocksdb", shoji::sdk::StoreTable<shoji::rocksdb_store::RocksDbStore>(), RawRocksDb())
      .Run();
}

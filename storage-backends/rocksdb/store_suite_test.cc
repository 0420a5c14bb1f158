// RocksDB under the suite of all stores.
#include "oneprocess/testing/suite.h"
#include "rocksdb_store.h"

int main(int argc, char** argv) {
  const auto subject =
      shoji::oneprocess::testing::SubjectOf<shoji::rocksdb_store::RocksDbStore>("rocksdb", ".sst");
  return shoji::store_testing::RunStoreTests(argc, argv, subject);
}

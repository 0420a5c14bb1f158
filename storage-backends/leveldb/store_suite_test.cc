// LevelDB under the suite of all stores.
#include "leveldb_store.h"
#include "oneprocess/testing/suite.h"

int main(int argc, char** argv) {
  const auto subject =
      shoji::oneprocess::testing::SubjectOf<shoji::leveldb_store::LevelDbStore>("leveldb", ".ldb");
  return shoji::store_testing::RunStoreTests(argc, argv, subject);
}

// The filesystem store under the suite of all stores.
#include "store_suite.h"

#include "filesystem_store.h"

int main(int argc, char** argv) {
  shoji::store_testing::Subject subject;
  subject.id = "filesystem";
  subject.table = shoji::sdk::StoreTable<shoji::filesystem::FilesystemStore>();
  subject.options = [](const std::string& dir) {
    return shoji::store_testing::Options{{"path", dir + "/store"}};
  };
  return shoji::store_testing::RunStoreTests(argc, argv, subject);
}

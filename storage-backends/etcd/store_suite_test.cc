// The etcd store under the suite of all stores, with one server for all its tests.
#include "store_suite.h"

#include <cstdio>
#include <cstdlib>

#include "etcd_store.h"
#include "testing/etcd_server.h"

namespace {

// Tells the children, which are this program, where the server is.
constexpr char kEndpoint[] = "ETCD_TEST_ENDPOINT";

}  // namespace

int main(int argc, char** argv) {
  shoji::etcd::EtcdServer server;
  if (std::getenv(kEndpoint) == nullptr) {
    const shoji::Status started = server.Start({});
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.message().c_str());
      return 1;
    }
    setenv(kEndpoint, server.Endpoint().c_str(), 1);
  }
  shoji::store_testing::Subject subject;
  subject.id = "etcd";
  subject.table = shoji::sdk::StoreTable<shoji::etcd::EtcdStore>();
  subject.options = [](const std::string& dir) {
    return shoji::store_testing::Options{{"endpoints", std::getenv(kEndpoint)},
                                         {"prefix", dir},
                                         {"timeout", "30000000000"},
                                         // so that many of the values go in pieces
                                         {"max_request_bytes", "65536"}};
  };
  subject.has_files = false;
  return shoji::store_testing::RunStoreTests(argc, argv, subject);
}

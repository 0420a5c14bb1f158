// The etcd store under the suite of all stores, with one server for all its tests.
#include "store_suite.h"

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "etcd_store.h"
#include "testing/etcd_server.h"

namespace {

// Tells the children, which are this program, where the server is.
constexpr char kEndpoint[] = "ETCD_TEST_ENDPOINT";

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<shoji::etcd::EtcdServer> server;  // not in children: they are killed
  if (std::getenv(kEndpoint) == nullptr) {
    server = std::make_unique<shoji::etcd::EtcdServer>();
    const shoji::Status started = server->Start({});
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.message().c_str());
      return 1;
    }
    setenv(kEndpoint, server->Endpoint().c_str(), 1);
  }
  shoji::store_testing::Subject subject;
  subject.id = "etcd";
  subject.table = shoji::sdk::StoreTable<shoji::etcd::EtcdStore>();
  subject.options = [](const std::string& dir) {
    return shoji::store_testing::Options{{"endpoints", std::getenv(kEndpoint)},
                                         {"prefix", dir},
                                         {"timeout", "30000000000"},
                                         // so that many of the values go in pieces
                                         {"max_request_bytes", "131072"}};
  };
  subject.has_files = false;
  subject.kills = 200;
  subject.kills_beside_others = 30;
  return shoji::store_testing::RunStoreTests(argc, argv, subject);
}

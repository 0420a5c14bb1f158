// What the tests of the etcd store share: one server for the program, a prefix for each test.
//
// Threads  The main thread.
// Example  class MyTest : public ServerTest {}; TEST_F(MyTest, X) { auto store = Open(); }
#ifndef SHOJI_ETCD_TESTING_FIXTURE_H_
#define SHOJI_ETCD_TESTING_FIXTURE_H_

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "etcd_server.h"
#include "etcd_store.h"
#include "shoji/base/file.h"

namespace shoji::etcd {

inline Rpc::PasswordReader Password(const std::string& word) {
  return [word] { return Result<std::string>(word); };
}

inline Settings SettingsFor(const EtcdServer& server) {
  Settings out;
  out.endpoints = {ParseEndpoint(server.Endpoint(), false).value()};
  out.timeout = std::chrono::seconds(30);
  if (server.tls()) out.ca_pem = ReadFile(server.dir() + "/ca.pem").value();
  return out;
}

// A call with a time limit.
struct TimedCall {
  explicit TimedCall(std::chrono::nanoseconds span, int cancel_fd = -1) {
    call.struct_size = sizeof(call);
    call.cancel_fd = cancel_fd;
    call.deadline_ns = Deadline::After(span).nanos();
  }
  shoji_call call{};
};

class ServerTest : public testing::Test {
 protected:
  static EtcdServer& Server() { return *ServerSlot(); }
  static std::unique_ptr<EtcdServer>& ServerSlot() {
    static std::unique_ptr<EtcdServer> server;
    return server;
  }
  static void StartServer(const EtcdServer::Options& options) {
    ServerSlot() = std::make_unique<EtcdServer>();
    const Status started = Server().Start(options);
    ASSERT_TRUE(started.ok()) << started.message();
  }
  static void SetUpTestSuite() { StartServer({}); }
  static void TearDownTestSuite() { ServerSlot().reset(); }

  // Of the test alone.
  static std::string Prefix() {
    return std::string("/") + testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
  }
  static Settings Chosen() {
    Settings settings = SettingsFor(Server());
    settings.prefix = Prefix();
    return settings;
  }
  static std::unique_ptr<EtcdStore> OpenWith(Settings settings) {
    auto store = EtcdStore::OpenWith(std::move(settings), Password(""));
    if (!store.ok()) ADD_FAILURE() << store.status().message();
    return store.ok() ? std::move(store).value() : nullptr;
  }
  static std::unique_ptr<EtcdStore> Open() { return OpenWith(Chosen()); }
  // What etcdctl says, without its last line break.
  static std::string Ctl(const std::vector<std::string>& arguments) {
    Result<std::string> text = Server().Ctl(arguments);
    if (!text.ok()) ADD_FAILURE() << text.status().message();
    return text.ok() ? text->substr(0, text->find_last_not_of('\n') + 1) : "";
  }
  static std::string KeysOf(const std::string& kind) {
    return Ctl({"get", "--prefix", "--keys-only", Prefix() + kind});
  }
};

inline std::string Filled(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>((seed = seed * 1664525U + 1013904223U) >> 24U);
  return out;
}

}  // namespace shoji::etcd

#endif  // SHOJI_ETCD_TESTING_FIXTURE_H_

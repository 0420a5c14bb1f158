// Networks of sandboxes: real namespaces, real frames.
#include <gmock/gmock.h>

#include "fixture.h"
#include "testing/pod.h"

namespace shoji::api_test {
namespace {

using network::testing::Pod;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class NetworkTest : public ApiTest {
 protected:
  NetworkTest() {
    net_.AddVeth("eth0", "out0", "02:00:00:00:77:02");
    Pod::AddAddress(net_.inside(), "eth0", "10.77.0.2/24");
    Pod::AddAddress(net_.outside(), "out0", "10.77.0.1/24");
    net_.AddRoute({"", "10.77.0.1", "eth0"});
  }
  std::shared_ptr<Sandbox> Start() {
    SandboxConfig config = Bed::Pod("pod", {Bed::Container("one", kIdle)});
    config.network.netns = net_.path();
    auto pod = runtime_->RunSandbox(config);
    EXPECT_TRUE(Ok(pod));
    return pod.ok() ? *pod : nullptr;
  }
  // A second interface of the namespace, that no sandbox knows of.
  void AddSecond() {
    net_.AddVeth("eth1", "out1", "02:00:00:00:78:02");
    Pod::AddAddress(net_.inside(), "eth1", "10.78.0.2/24");
    Pod::AddAddress(net_.outside(), "out1", "10.78.0.1/24");
  }
  static void Reaches(Sandbox& pod, const std::string& address) {
    Cmd ping = Command({"/bin/sh", "-c", "ping -c 1 -W 20 " + address + " 2>&1"});
    const std::vector<std::string> raw = {"CAP_NET_RAW"};
    ping.capabilities = Capabilities{raw, raw, raw, raw, {}};
    const auto process = pod.EnterContainer("one", ping);
    ASSERT_TRUE(Ok(process));
    EXPECT_THAT(ReadAll(pod, "one", *process), HasSubstr("1 packets received"));
    EXPECT_EQ(*pod.WaitProcess("one", *process), 0);
  }

  Pod net_;
};

TEST_F(NetworkTest, TheGuestHasThePodsInterface) {
  const std::string before = net_.Dump();
  const auto pod = Start();
  ASSERT_NE(pod, nullptr);
  const std::string link = Exec(*pod, "one", "ip addr show eth0");
  EXPECT_THAT(link, HasSubstr("10.77.0.2/24"));
  EXPECT_THAT(link, HasSubstr("02:00:00:00:77:02"));
  EXPECT_THAT(Exec(*pod, "one", "ip route"), HasSubstr("default via 10.77.0.1"));
  Reaches(*pod, "10.77.0.1");
  EXPECT_EQ(other_->StatusSandbox("pod")->netns, net_.path());

  const auto interfaces = pod->ListInterfaces();
  ASSERT_TRUE(Ok(interfaces));
  EXPECT_THAT(*interfaces, Contains(Field(&InterfaceInfo::name, "eth0")));
  ASSERT_TRUE(Ok(pod->Delete()));
  EXPECT_EQ(net_.Dump(), before) << "the namespace is as it was";
}

TEST_F(NetworkTest, ARestartJoinsAgain) {
  const std::string before = net_.Dump();
  const auto pod = Start();
  ASSERT_NE(pod, nullptr);
  ASSERT_TRUE(Ok(pod->Stop()));
  EXPECT_EQ(net_.Dump(), before);
  ASSERT_TRUE(Ok(pod->Start()));
  Reaches(*pod, "10.77.0.1");
  ASSERT_TRUE(Ok(pod->Delete()));
  EXPECT_EQ(net_.Dump(), before);
}

TEST_F(NetworkTest, InterfacesComeAndGo) {
  const auto pod = Start();
  ASSERT_NE(pod, nullptr);
  AddSecond();
  const std::string with_second = net_.Dump();
  InterfaceInfo second;
  second.name = "eth1";
  const auto added = pod->AddInterface(second);
  ASSERT_TRUE(Ok(added));
  EXPECT_EQ(added->mac, "02:00:00:00:78:02");
  Reaches(*pod, "10.78.0.1");
  EXPECT_TRUE(Ok(pod->LimitInterface("eth1", InterfaceLimits{1 << 20, 0, 0, 1 << 20, 0, 0})));
  Reaches(*pod, "10.78.0.1");
  EXPECT_TRUE(Ok(pod->LimitInterface("eth1", std::nullopt)));
  EXPECT_TRUE(Fails(pod->LimitInterface("eth9", std::nullopt), StatusCode::kNotFound, {"eth9"}));

  InterfaceInfo missing;
  missing.name = "eth9";
  EXPECT_TRUE(Fails(pod->AddInterface(missing), StatusCode::kNotFound, {"eth9"}));
  ASSERT_TRUE(Ok(pod->RemoveInterface("eth1")));
  EXPECT_TRUE(Ok(pod->RemoveInterface("eth1"))) << "what is gone needs no removing";
  EXPECT_EQ(net_.Dump(), with_second);
  const auto interfaces = pod->ListInterfaces();
  ASSERT_TRUE(Ok(interfaces));
  EXPECT_THAT(*interfaces, Not(Contains(Field(&InterfaceInfo::mac, "02:00:00:00:78:02"))));
  Reaches(*pod, "10.77.0.1");
  ASSERT_TRUE(Ok(pod->Delete()));
}

TEST_F(NetworkTest, RoutesAreThoseThatWereGiven) {
  const auto pod = Start();
  ASSERT_NE(pod, nullptr);
  auto routes = pod->ListRoutes();
  ASSERT_TRUE(Ok(routes));
  Route more;
  more.destination = "10.99.0.0/16";
  more.gateway = "10.77.0.1";
  more.device = "eth0";
  routes->push_back(more);
  const auto now = pod->UpdateRoutes(*routes);
  ASSERT_TRUE(Ok(now));
  EXPECT_THAT(*now, Contains(Field(&Route::destination, "10.99.0.0/16")));
  EXPECT_THAT(Exec(*pod, "one", "ip route"), HasSubstr("10.99.0.0/16 via 10.77.0.1"));
  ASSERT_TRUE(Ok(pod->Delete()));
}

TEST_F(NetworkTest, ANamespaceThatIsNoneIsRefusedAndNothingIsLeft) {
  SandboxConfig config = Bed::Pod("pod", {Bed::Container("one", kIdle)});
  config.network.netns = bed_.Path("none");
  EXPECT_TRUE(Fails(runtime_->CreateSandbox(config), StatusCode::kNotFound, {"none"}));
  EXPECT_THAT(bed_.Leftovers(), IsEmpty());
  auto pod = runtime_->RunSandbox(Bed::Pod("alone", {Bed::Container("one", kIdle)}));
  ASSERT_TRUE(Ok(pod));
  InterfaceInfo any;
  any.name = "eth0";
  EXPECT_TRUE(Fails((*pod)->AddInterface(any), StatusCode::kFailedPrecondition));
  ASSERT_TRUE(Ok((*pod)->Delete()));
}

}  // namespace
}  // namespace shoji::api_test

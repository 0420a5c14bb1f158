// The table that NetworkTable<> makes of a class.
#include "shoji/sdk/network.h"

#include <gtest/gtest.h>

#include "shoji/sdk/testing/fake_host.h"

namespace shoji::sdk {
namespace {

using testing::FakeCall;
using testing::FakeError;
using testing::FakeHost;
using testing::FakeSink;

class Link : public NetworkLink {
 public:
  const std::vector<Nic>& Nics() const override { return nics_; }
  Result<std::string> GuestConfig(const shoji_call*) override { return std::string("{}"); }
  Status Limit(const shoji_call*, std::string_view nic, const NetworkLimits& limits) override {
    if (nic != "eth0") return NotFound("no interface \"" + std::string(nic) + "\"");
    return limits.tx_rate == 7 ? OkStatus() : Unimplemented("only 7");
  }
  Result<std::string> SaveState() override { return std::string("state"); }
  Status Leave(const shoji_call*) override { return Unavailable("left all the same"); }

 protected:
  const std::vector<Nic> nics_ = {{"eth0", "02:00:00:00:00:01", 1400, {10, 11}, {20}}};
};

// Interfaces that come and go.
class ChangingLink : public Link {
 public:
  const Nic* NicAt(std::uint32_t index) const override {
    if (index == 1 && added_) return &second_;
    return Link::NicAt(index);
  }
  Result<const Nic*> Add(const shoji_call*, std::string_view name) {
    if (name == "null") return static_cast<const Nic*>(nullptr);
    if (name == "throw") throw std::string("not even a std::exception");
    if (name != second_.id) return NotFound("no interface \"" + std::string(name) + "\"");
    added_ = true;
    return &second_;
  }
  Status Remove(const shoji_call*, std::string_view) {
    added_ = false;
    return OkStatus();
  }
  const void* Extension(std::string_view id) override {
    return NetworkLinkExtension<ChangingLink>(id);
  }

 private:
  const Nic second_ = {"eth1", "02:00:00:00:00:02", 0, {12}, {}};
  bool added_ = false;
};

class Network : public NetworkBase {
 public:
  static Result<std::unique_ptr<NetworkBase>> Open(const Host&, const OptionMap&) {
    return std::unique_ptr<NetworkBase>(new Network);
  }
  Result<std::unique_ptr<NetworkLink>> Join(const shoji_call*, NetworkParams params) override {
    if (params.netns == "throw") throw std::string("not even a std::exception");
    if (params.netns == "null") return std::unique_ptr<NetworkLink>();
    if (params.netns == "changing") return std::unique_ptr<NetworkLink>(new ChangingLink);
    return std::unique_ptr<NetworkLink>(new Link);
  }
  Attached Attach(const shoji_call*, std::string_view state) override {
    if (state == "gone") return {std::make_unique<Link>(), NotFound("it is gone")};
    if (state == "torn") return {std::make_unique<Link>(), DataLoss("it is torn")};
    return {std::make_unique<Link>(), OkStatus()};
  }
};

class NetworkTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(table_.open(&interfaces_, nullptr, &network_, error_.raw()), SHOJI_OK);
  }
  void TearDown() override {
    table_.close_link(link_);
    table_.close(network_);
  }
  std::int32_t Join(const char* netns, std::uint32_t queues = 1, std::uint32_t flags = 0) {
    shoji_network_params params{};
    params.struct_size = sizeof params;
    params.flags = flags;
    params.netns = ToStr(netns);
    params.queues = queues;
    return table_.join(network_, nullptr, &params, &link_, error_.raw());
  }

  FakeHost fake_;
  Interfaces interfaces_{fake_.raw()};
  const shoji_network_v1& table_ = *NetworkTable<Network>();
  FakeError error_;
  shoji_network* network_ = nullptr;
  shoji_network_link* link_ = nullptr;
};

TEST_F(NetworkTableTest, FillsAnInterface) {
  ASSERT_EQ(Join(""), SHOJI_OK) << error_.message;
  shoji_nic nic{};
  nic.struct_size = sizeof nic;
  ASSERT_EQ(table_.nic(link_, 0, &nic), SHOJI_OK);
  EXPECT_EQ(nic.queues, 2U);
  EXPECT_EQ(View(nic.id), "eth0");
  EXPECT_EQ(nic.mtu, 1400U);
  EXPECT_EQ(nic.tap_fds[1], 11);
  EXPECT_EQ(nic.tap_fds[2], -1);
  EXPECT_EQ(nic.vhost_fds[0], 20);
  EXPECT_EQ(nic.vhost_fds[1], -1);
  EXPECT_EQ(table_.nic(link_, 1, &nic), SHOJI_OUT_OF_RANGE);
}

TEST_F(NetworkTableTest, WritesNothingIntoAStructThatIsTooShort) {
  ASSERT_EQ(Join(""), SHOJI_OK) << error_.message;
  shoji_nic nic{};
  nic.struct_size = offsetof(shoji_nic, vhost_fds);
  EXPECT_EQ(table_.nic(link_, 0, &nic), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(nic.queues, 0U);
}

TEST_F(NetworkTableTest, RefusesWhatTheClassNeverSees) {
  EXPECT_EQ(Join("", 1, 0x10), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(Join("", 0), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(Join("", 17), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(Join("throw"), SHOJI_INTERNAL);
  EXPECT_EQ(Join("null"), SHOJI_INTERNAL);
  EXPECT_NE(error_.message, "");
  EXPECT_EQ(table_.join(network_, nullptr, nullptr, &link_, error_.raw()), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(link_, nullptr);
}

TEST_F(NetworkTableTest, AttachGivesAHandleForWhatIsGoneOnly) {
  EXPECT_EQ(table_.attach(network_, nullptr, ToStr("torn"), &link_, error_.raw()), SHOJI_DATA_LOSS);
  EXPECT_EQ(link_, nullptr);
  EXPECT_EQ(table_.attach(network_, nullptr, ToStr("gone"), &link_, error_.raw()), SHOJI_NOT_FOUND);
  ASSERT_NE(link_, nullptr);
  EXPECT_EQ(table_.leave(std::exchange(link_, nullptr), nullptr, error_.raw()), SHOJI_UNAVAILABLE);
  EXPECT_EQ(table_.leave(nullptr, nullptr, error_.raw()), SHOJI_OK);
}

TEST_F(NetworkTableTest, PassesLimits) {
  ASSERT_EQ(Join(""), SHOJI_OK) << error_.message;
  shoji_network_limits limits{};
  limits.struct_size = sizeof limits;
  limits.tx_bytes_per_s = 7;
  EXPECT_EQ(table_.limit(link_, nullptr, ToStr("eth0"), &limits, error_.raw()), SHOJI_OK);
  EXPECT_EQ(table_.limit(link_, nullptr, ToStr("eth1"), &limits, error_.raw()), SHOJI_NOT_FOUND);
  limits.struct_size = 8;
  EXPECT_EQ(table_.limit(link_, nullptr, ToStr("eth0"), &limits, error_.raw()),
            SHOJI_INVALID_ARGUMENT);
}

TEST_F(NetworkTableTest, InterfacesComeAndGo) {
  ASSERT_EQ(Join(""), SHOJI_OK) << error_.message;
  EXPECT_EQ(table_.get_extension(link_, SHOJI_NETWORK_INTERFACE_V1), nullptr);
  table_.close_link(std::exchange(link_, nullptr));
  ASSERT_EQ(Join("changing"), SHOJI_OK) << error_.message;
  EXPECT_EQ(table_.get_extension(link_, "shoji.network.other/1"), nullptr);
  const auto* interface = static_cast<const shoji_network_interface_v1*>(
      table_.get_extension(link_, SHOJI_NETWORK_INTERFACE_V1));
  ASSERT_NE(interface, nullptr);
  ASSERT_TRUE(SHOJI_HAS_SLOT(shoji_network_interface_v1, interface, remove));
  shoji_nic nic{};
  nic.struct_size = sizeof nic;
  const auto add = [&](const char* name) {
    return interface->add(link_, nullptr, ToStr(name), &nic, error_.raw());
  };
  EXPECT_EQ(add("eth9"), SHOJI_NOT_FOUND);
  EXPECT_EQ(add("null"), SHOJI_INTERNAL);
  EXPECT_EQ(add("throw"), SHOJI_INTERNAL);
  EXPECT_EQ(nic.queues, 0U);
  ASSERT_EQ(add("eth1"), SHOJI_OK) << error_.message;
  EXPECT_EQ(View(nic.id), "eth1");
  EXPECT_EQ(nic.tap_fds[0], 12);
  EXPECT_EQ(table_.nic(link_, 1, &nic), SHOJI_OK);
  EXPECT_EQ(interface->remove(link_, nullptr, ToStr("eth1"), error_.raw()), SHOJI_OK);
  EXPECT_EQ(table_.nic(link_, 1, &nic), SHOJI_OUT_OF_RANGE);
  nic.struct_size = offsetof(shoji_nic, vhost_fds);
  EXPECT_EQ(add("eth1"), SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(table_.nic(link_, 1, &nic), SHOJI_OUT_OF_RANGE) << "nothing was done";
}

}  // namespace
}  // namespace shoji::sdk

#include "plugin/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/slots.h"

namespace shoji {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A network plugin of this test: a table and what was done with it.
struct FakeNetwork {
  std::uint32_t nics = 2;
  std::uint32_t queues = 2;
  std::string netns;
  std::string limited;
  std::uint64_t limit = 0;
  int closed = 0;
  int closed_links = 0;
  int left = 0;
  bool can_change = true;
  std::string added;
  std::string removed;
};

FakeNetwork* Of(shoji_network* network) { return reinterpret_cast<FakeNetwork*>(network); }
FakeNetwork* Of(shoji_network_link* link) { return reinterpret_cast<FakeNetwork*>(link); }
shoji_network* Handle(FakeNetwork* fake) { return reinterpret_cast<shoji_network*>(fake); }
shoji_network_link* Link(shoji_network* network) {
  return reinterpret_cast<shoji_network_link*>(network);
}

std::int32_t FillNic(shoji_network_link* link, std::uint32_t index, shoji_nic* nic) {
  if (index >= Of(link)->nics) return SHOJI_OUT_OF_RANGE;
  nic->queues = Of(link)->queues;
  nic->id = ToStr("eth0");
  nic->mac = ToStr("02:00:00:00:00:01");
  nic->mtu = 1400 + index;
  for (int i = 0; i < static_cast<int>(SHOJI_NIC_MAX_QUEUES); ++i) {
    nic->tap_fds[i] = 10 + i;
    nic->vhost_fds[i] = -1;
  }
  return SHOJI_OK;
}

std::int32_t Attach(shoji_network* network, const shoji_call*, shoji_str state,
                    shoji_network_link** ret_link, shoji_error* error) {
  const std::string what(state.data, state.size);
  if (what == "torn") {
    SetError(error, SHOJI_DATA_LOSS, 0, ToStr("cannot read the state"));
    return SHOJI_DATA_LOSS;
  }
  *ret_link = Link(network);
  return what == "gone" ? SHOJI_NOT_FOUND : SHOJI_OK;
}

const shoji_network_interface_v1 kInterfaces = {
    sizeof(shoji_network_interface_v1), 0,
    [](shoji_network_link* link, const shoji_call*, shoji_str name, shoji_nic* nic,
       shoji_error* error) -> std::int32_t {
      Of(link)->added.assign(name.data, name.size);
      if (Of(link)->added == "eth0") {
        SetError(error, SHOJI_ALREADY_EXISTS, 0, ToStr("eth0 is joined already"));
        return SHOJI_ALREADY_EXISTS;
      }
      return FillNic(link, 0, nic);
    },
    [](shoji_network_link* link, const shoji_call*, shoji_str nic, shoji_error*) -> std::int32_t {
      Of(link)->removed.assign(nic.data, nic.size);
      return SHOJI_OK;
    }};

shoji_network_v1 FakeTable() {
  shoji_network_v1 table{};
  table.struct_size = sizeof(table);
  table.close = [](shoji_network* network) { ++Of(network)->closed; };
  table.join = [](shoji_network* network, const shoji_call*, const shoji_network_params* params,
                  shoji_network_link** ret_link, shoji_error* error) -> std::int32_t {
    Of(network)->netns.assign(params->netns.data, params->netns.size);
    if (Of(network)->netns == "/none") {
      SetError(error, SHOJI_NOT_FOUND, 2, ToStr("there is no namespace /none"));
      return SHOJI_NOT_FOUND;
    }
    if (Of(network)->netns != "/null") *ret_link = Link(network);
    return SHOJI_OK;
  };
  table.nic = FillNic;
  table.guest_config = [](shoji_network_link*, const shoji_call*, const shoji_sink* sink,
                          shoji_error*) { return sink->write(sink->ctx, "{}", 2); };
  table.limit = [](shoji_network_link* link, const shoji_call*, shoji_str nic,
                   const shoji_network_limits* limits, shoji_error*) -> std::int32_t {
    Of(link)->limited.assign(nic.data, nic.size);
    Of(link)->limit = limits->tx_peak_bytes_per_s;
    return SHOJI_OK;
  };
  table.save_state = [](shoji_network_link*, const shoji_sink* sink, shoji_error* error) {
    const std::string state((16U << 10U) + 1, 'x');
    const std::int32_t code = sink->write(sink->ctx, state.data(), state.size());
    if (code != SHOJI_OK) SetError(error, code, 0, ToStr("the sink is full"));
    return code;
  };
  table.attach = Attach;
  table.close_link = [](shoji_network_link* link) { ++Of(link)->closed_links; };
  table.leave = [](shoji_network_link* link, const shoji_call*, shoji_error*) -> std::int32_t {
    ++Of(link)->left;
    return SHOJI_OK;
  };
  table.get_extension = [](shoji_network_link* link, const char* id) -> const void* {
    const bool known = std::string_view(id) == SHOJI_NETWORK_INTERFACE_V1;
    return known && Of(link)->can_change ? &kInterfaces : nullptr;
  };
  return table;
}

TEST(NetworkWrapper, JoinsAsksAndLeavesOnce) {
  const shoji_network_v1 table = FakeTable();
  FakeNetwork fake;
  {
    Network network(&table, Handle(&fake), "network fake");
    auto link = network.Join({}, {"box", "/run/netns/pod", "/run", 2});
    ASSERT_TRUE(link.ok());
    EXPECT_EQ(fake.netns, "/run/netns/pod");
    const auto nics = (*link)->Nics();
    ASSERT_TRUE(nics.ok());
    ASSERT_EQ(nics->size(), 2U);
    EXPECT_THAT((*nics)[1].tap_fds, ElementsAre(10, 11));
    EXPECT_THAT((*nics)[1].vhost_fds, ElementsAre(-1, -1));
    EXPECT_EQ((*nics)[1].mtu, 1401U);
    EXPECT_EQ((*nics)[0].mac, "02:00:00:00:00:01");
    EXPECT_EQ((*link)->GuestConfig({}).value(), "{}");
    NetworkLimits limits;
    limits.tx_peak_bytes_per_s = 77;
    EXPECT_TRUE((*link)->Limit({}, "eth0", limits).ok());
    EXPECT_EQ(fake.limited, "eth0");
    EXPECT_EQ(fake.limit, 77U);
    EXPECT_EQ((*link)->SaveState().status().code(), StatusCode::kResourceExhausted);
    EXPECT_TRUE((*link)->Leave({}).ok());
    EXPECT_TRUE((*link)->Leave({}).ok());
    EXPECT_EQ((*link)->Nics().status().code(), StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(fake.left, 1);
  EXPECT_EQ(fake.closed_links, 0);
  EXPECT_EQ(fake.closed, 1);
}

TEST(NetworkWrapper, AttachedLinksAreClosedAndLeftAlone) {
  const shoji_network_v1 table = FakeTable();
  FakeNetwork fake;
  Network network(&table, Handle(&fake), "network fake");
  EXPECT_FALSE(network.Attach({}, "state")->gone);
  EXPECT_TRUE(network.Attach({}, "gone")->gone);
  EXPECT_EQ(network.Attach({}, "torn").status().message(), "cannot read the state");
  EXPECT_EQ(fake.closed_links, 2);
  EXPECT_EQ(fake.left, 0);
}

TEST(NetworkWrapper, InterfacesComeAndGoWhereThePluginOffersIt) {
  const shoji_network_v1 table = FakeTable();
  FakeNetwork fake;
  Network network(&table, Handle(&fake), "network fake");
  auto link = network.Join({}, {"box", "/x", "", 1});
  ASSERT_TRUE(link.ok());
  ASSERT_TRUE((*link)->can_change());
  const auto nic = (*link)->Add({}, "eth1");
  ASSERT_TRUE(nic.ok());
  EXPECT_EQ(fake.added, "eth1");
  EXPECT_THAT(nic->tap_fds, ElementsAre(10, 11));
  EXPECT_EQ((*link)->Add({}, "eth0").status().code(), StatusCode::kAlreadyExists);
  EXPECT_TRUE((*link)->Remove({}, "eth1").ok());
  EXPECT_EQ(fake.removed, "eth1");
  fake.queues = SHOJI_NIC_MAX_QUEUES + 1;
  EXPECT_EQ((*link)->Add({}, "eth2").status().code(), StatusCode::kInternal);
  EXPECT_TRUE((*link)->Leave({}).ok());
  EXPECT_EQ((*link)->Add({}, "eth3").status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ((*link)->Remove({}, "eth3").code(), StatusCode::kFailedPrecondition);

  fake.can_change = false;
  link = network.Join({}, {"box", "/x", "", 1});
  ASSERT_TRUE(link.ok());
  EXPECT_FALSE((*link)->can_change());
  EXPECT_EQ((*link)->Add({}, "eth1").status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ((*link)->Remove({}, "eth1").code(), StatusCode::kUnimplemented);
}

TEST(NetworkWrapper, NonsenseAndShortTablesAreTold) {
  shoji_network_v1 table = FakeTable();
  FakeNetwork fake;
  Network network(&table, Handle(&fake), "network fake");
  EXPECT_EQ(network.Join({}, {"box", "/none", "", 1}).status().message(),
            "there is no namespace /none");
  EXPECT_THAT(network.Join({}, {"box", "/null", "", 1}).status().message(),
              HasSubstr("without giving a handle"));
  auto link = network.Join({}, {"box", "/x", "", 1});
  ASSERT_TRUE(link.ok());
  fake.queues = SHOJI_NIC_MAX_QUEUES + 1;
  EXPECT_EQ((*link)->Nics().status().code(), StatusCode::kInternal);
  fake.queues = 1;
  fake.nics = UINT32_MAX;  // never says "past the last one"
  EXPECT_EQ((*link)->Nics().status().code(), StatusCode::kInternal);
  table.struct_size = offsetof(shoji_network_v1, guest_config);
  EXPECT_EQ((*link)->GuestConfig({}).status().message(),
            "plugin network fake does not offer the call guest_config");
  EXPECT_EQ((*link)->Leave({}).code(), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace shoji

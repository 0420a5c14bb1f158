// JSON of the network and of statistics: every field, and every way to be wrong.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "network_json.h"
#include "stats_json.h"

namespace shoji::agent_kata {
namespace {

using Json = nlohmann::json;

constexpr const char* kInterface = R"({"device":"d","name":"eth0","IPAddresses":[
    {"family":"v4","address":"10.0.0.2","mask":"24"},
    {"family":"v6","address":"fe80::2","mask":"64"}],
    "mtu":1500,"hwAddr":"02:00:00:00:00:01","pciPath":"02/01","type":"veth","raw_flags":128})";

TEST(NetworkJson, InterfaceThereAndBack) {
  types::Interface interface;
  ASSERT_TRUE(InterfaceFromJson(kInterface, &interface).ok());
  EXPECT_EQ(interface.ipaddresses(1).family(), types::v6);
  EXPECT_EQ(interface.mtu(), 1500U);
  EXPECT_EQ(interface.raw_flags(), 128U);
  EXPECT_EQ(Json::parse(ToJson(interface)), Json::parse(kInterface));
  grpc::Interfaces all;
  *all.add_interfaces() = interface;
  EXPECT_EQ(Json::parse(ToJson(all)), Json::array({Json::parse(kInterface)}));
  EXPECT_EQ(ToJson(grpc::Interfaces()), "[]");
}

TEST(NetworkJson, FamilyMayBeItsNumber) {
  types::Interface interface;
  const char* json = R"({"hwAddr":"x","IPAddresses":[{"family":1,"address":"::1"},
                         {"address":"1.2.3.4"}]})";
  ASSERT_TRUE(InterfaceFromJson(json, &interface).ok());
  EXPECT_EQ(interface.ipaddresses(0).family(), types::v6);
  EXPECT_EQ(interface.ipaddresses(1).family(), types::v4);
}

TEST(NetworkJson, RoutesThereAndBack) {
  const char* json = R"([{"dest":"10.0.0.0/8","gateway":"","device":"eth0","source":"10.0.0.2",
      "scope":253},{"dest":"default","gateway":"10.0.0.1","device":"eth0","source":"","scope":0}])";
  grpc::Routes routes;
  ASSERT_TRUE(RoutesFromJson(json, &routes).ok());
  EXPECT_EQ(routes.routes(0).scope(), 253U);
  EXPECT_EQ(Json::parse(ToJson(routes)), Json::parse(json));
}

TEST(NetworkJson, GuestsBytesThatAreNoTextAreReplaced) {
  types::Interface interface;
  interface.set_name("\xff");
  EXPECT_EQ(Json::parse(ToJson(interface))["name"], "\xEF\xBF\xBD");
}

TEST(NetworkJson, WhatIsWrongIsNamed) {
  types::Interface interface;
  const auto why = [&](const char* json) {
    return std::string(InterfaceFromJson(json, &interface).message());
  };
  EXPECT_EQ(why("{"), "interface is not JSON");
  EXPECT_EQ(why("[]"), "interface is not a JSON object");
  EXPECT_EQ(why("{}"), "interface.hwAddr is missing");
  EXPECT_EQ(why(R"({"hwAddr":"x","mtu":-1})"), "interface.mtu is -1, expected an unsigned integer");
  EXPECT_EQ(why(R"({"hwAddr":"x","raw_flags":4294967296})"),
            "interface.raw_flags is 4294967296, expected an unsigned 32-bit integer");
  EXPECT_EQ(why(R"({"hwAddr":"x","IPAddresses":[{"family":"v5","address":"a"}]})"),
            "interface.IPAddresses[0].family is \"v5\", expected \"v4\" or \"v6\"");
  EXPECT_EQ(why(R"({"hwAddr":"x","IPAddresses":[{"family":2,"address":"a"}]})"),
            "interface.IPAddresses[0].family is 2, expected \"v4\" or \"v6\"");
  EXPECT_EQ(why(R"({"hwAddr":"x","IPAddresses":[{"family":"v4"}]})"),
            "interface.IPAddresses[0].address is missing");
  grpc::Routes routes;
  EXPECT_EQ(RoutesFromJson("{}", &routes).message(), "routes is not a JSON array");
  EXPECT_EQ(RoutesFromJson("", &routes).message(), "routes is not JSON");
  EXPECT_EQ(RoutesFromJson("[1]", &routes).message(), "routes[0] is a number, expected an object");
  EXPECT_EQ(RoutesFromJson(R"([{},{"dest":1}])", &routes).message(),
            "routes[1].dest is a number, expected a string");
  grpc::ARPNeighbors neighbors;
  EXPECT_EQ(NeighborsFromJson(R"([{"device":"e"}])", &neighbors).message(),
            "neighbors[0].toIPAddress is missing");
  EXPECT_EQ(NeighborsFromJson(
                R"([{"toIPAddress":{"address":"a"},"device":"e","state":2147483648}])", &neighbors)
                .message(),
            "neighbors[0].state is 2147483648, expected a 32-bit integer");
}

void Fill(std::uint64_t* next, grpc::MemoryData* data) {
  data->set_usage((*next)++);
  data->set_max_usage((*next)++);
  data->set_failcnt((*next)++);
  data->set_limit((*next)++);
}

TEST(StatsJson, HasEveryField) {
  grpc::StatsContainerResponse stats;
  grpc::CgroupStats* cgroup = stats.mutable_cgroup_stats();
  grpc::CpuUsage* usage = cgroup->mutable_cpu_stats()->mutable_cpu_usage();
  usage->set_total_usage(~0ULL);
  usage->add_percpu_usage(1);
  usage->add_percpu_usage(2);
  usage->set_usage_in_kernelmode(3);
  usage->set_usage_in_usermode(4);
  grpc::ThrottlingData* throttling = cgroup->mutable_cpu_stats()->mutable_throttling_data();
  throttling->set_periods(5);
  throttling->set_throttled_periods(6);
  throttling->set_throttled_time(7);
  grpc::MemoryStats* memory = cgroup->mutable_memory_stats();
  memory->set_cache(8);
  std::uint64_t next = 10;
  Fill(&next, memory->mutable_usage());
  Fill(&next, memory->mutable_swap_usage());
  Fill(&next, memory->mutable_kernel_usage());
  memory->set_use_hierarchy(true);
  (*memory->mutable_stats())["anon"] = 22;
  cgroup->mutable_pids_stats()->set_current(23);
  cgroup->mutable_pids_stats()->set_limit(24);
  (*cgroup->mutable_hugetlb_stats())["2MB"].set_max_usage(25);
  grpc::NetworkStats* network = stats.add_network_stats();
  network->set_name("eth0");
  network->set_rx_bytes(26);
  network->set_tx_dropped(27);
  const Json json = Json::parse(StatsToJson(stats));
  EXPECT_EQ(json["cgroup_stats"]["cpu_stats"], Json::parse(R"({"cpu_usage":
      {"total_usage":18446744073709551615,"percpu_usage":[1,2],"usage_in_kernelmode":3,
       "usage_in_usermode":4},
      "throttling_data":{"periods":5,"throttled_periods":6,"throttled_time":7}})"));
  EXPECT_EQ(json["cgroup_stats"]["memory_stats"], Json::parse(R"({"cache":8,
      "usage":{"usage":10,"max_usage":11,"failcnt":12,"limit":13},
      "swap_usage":{"usage":14,"max_usage":15,"failcnt":16,"limit":17},
      "kernel_usage":{"usage":18,"max_usage":19,"failcnt":20,"limit":21},
      "use_hierarchy":true,"stats":{"anon":22}})"));
  EXPECT_EQ(json["cgroup_stats"]["pids_stats"], Json::parse(R"({"current":23,"limit":24})"));
  EXPECT_EQ(json["cgroup_stats"]["hugetlb_stats"],
            Json::parse(R"({"2MB":{"usage":0,"max_usage":25,"failcnt":0}})"));
  EXPECT_EQ(json["network_stats"], Json::parse(R"([{"name":"eth0","rx_bytes":26,"rx_packets":0,
      "rx_errors":0,"rx_dropped":0,"tx_bytes":0,"tx_packets":0,"tx_errors":0,"tx_dropped":27}])"));
}

TEST(StatsJson, BlockDevicesHaveEightLists) {
  grpc::StatsContainerResponse stats;
  grpc::BlkioStats* io = stats.mutable_cgroup_stats()->mutable_blkio_stats();
  std::uint64_t next = 1;
  for (auto* list : {io->mutable_io_service_bytes_recursive(), io->mutable_io_serviced_recursive(),
                     io->mutable_io_queued_recursive(), io->mutable_io_service_time_recursive(),
                     io->mutable_io_wait_time_recursive(), io->mutable_io_merged_recursive(),
                     io->mutable_io_time_recursive(), io->mutable_sectors_recursive()}) {
    grpc::BlkioStatsEntry* entry = list->Add();
    entry->set_major(8);
    entry->set_op("Read");
    entry->set_value(next++);
  }
  const Json json = Json::parse(StatsToJson(stats))["cgroup_stats"]["blkio_stats"];
  const char* names[] = {"io_service_bytes_recursive", "io_serviced_recursive",
                         "io_queued_recursive",        "io_service_time_recursive",
                         "io_wait_time_recursive",     "io_merged_recursive",
                         "io_time_recursive",          "sectors_recursive"};
  ASSERT_EQ(json.size(), 8U);
  for (std::uint64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(json[names[i]],
              Json::array({{{"major", 8}, {"minor", 0}, {"op", "Read"}, {"value", i + 1}}}));
  }
}

TEST(StatsJson, NothingIsAllZero) {
  const Json json = Json::parse(StatsToJson({}));
  EXPECT_EQ(json["cgroup_stats"]["cpu_stats"]["cpu_usage"]["total_usage"], 0);
  EXPECT_EQ(json["network_stats"], Json::array());
}

}  // namespace
}  // namespace shoji::agent_kata

// The optional interfaces, through their C tables, against a scripted guest.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent_fixture.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::agent_kata {
namespace {

using Json = nlohmann::json;
using sdk::ToStr;

// The handle that the tables take, as AgentTable<KataAgent>() makes it.
class AgentExtTest : public AgentTest {
 protected:
  AgentExtTest() : handle_{sdk::Host(host_.raw()), nullptr} { handle_.agent = std::move(agent_); }
  ~AgentExtTest() override { handle_.agent.reset(); }

  template <typename Table>
  const Table* Ext(const char* id) {
    return static_cast<const Table*>(sdk::AgentTable<KataAgent>()->get_extension(raw(), id));
  }
  shoji_agent* raw() { return reinterpret_cast<shoji_agent*>(&handle_); }
  shoji_error* err() { return error_.raw(); }
  std::string Message() { return error_.message; }

  sdk::testing::FakeHost host_;
  sdk::testing::FakeError error_;
  sdk::internal::AgentHandle handle_;
  std::string text_;
  const shoji_sink sink_ = sdk::SinkTo(&text_);
};

TEST_F(AgentExtTest, UnknownIdsHaveNoTable) {
  EXPECT_EQ(Ext<void>("shoji.agent.pause/2"), nullptr);
  EXPECT_EQ(Ext<void>(""), nullptr);
}

TEST_F(AgentExtTest, PauseAndResume) {
  const auto* table = Ext<shoji_agent_pause_v1>(SHOJI_AGENT_PAUSE_V1);
  ASSERT_NE(table, nullptr);
  grpc::PauseContainerRequest pause;
  guest_->Answer("AgentService/PauseContainer", &pause, nothing_);
  EXPECT_EQ(table->pause(raw(), nullptr, ToStr("c1"), err()), SHOJI_OK);
  EXPECT_EQ(pause.container_id(), "c1");
  grpc::ResumeContainerRequest resume;
  guest_->Answer("AgentService/ResumeContainer", &resume, nothing_);
  EXPECT_EQ(table->resume(raw(), nullptr, ToStr("c2"), err()), SHOJI_OK);
  EXPECT_EQ(resume.container_id(), "c2");
  guest_->Refuse("AgentService/PauseContainer", grpc::StatusCode::NOT_FOUND, "no container c3");
  EXPECT_EQ(table->pause(raw(), nullptr, ToStr("c3"), err()), SHOJI_NOT_FOUND);
  EXPECT_EQ(Message(), "guest agent: PauseContainer: no container c3");
}

TEST_F(AgentExtTest, Processes) {
  const auto* table = Ext<shoji_agent_stats_v1>(SHOJI_AGENT_STATS_V1);
  ASSERT_NE(table, nullptr);
  grpc::ListProcessesRequest request;
  grpc::ListProcessesResponse reply;
  reply.set_process_list("[1,7]");
  guest_->Answer("AgentService/ListProcesses", &request, reply);
  const shoji_str args[] = {ToStr("-e"), ToStr("-f")};
  EXPECT_EQ(
      table->list_processes(raw(), nullptr, ToStr("c1"), ToStr("table"), args, 2, &sink_, err()),
      SHOJI_OK);
  EXPECT_EQ(text_, "[1,7]");
  EXPECT_EQ(request.container_id(), "c1");
  EXPECT_EQ(request.format(), "table");
  EXPECT_EQ(request.args(1), "-f");
  EXPECT_EQ(
      table->list_processes(raw(), nullptr, ToStr("c1"), ToStr("xml"), nullptr, 0, &sink_, err()),
      SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(Message(), "format of a list of processes is \"xml\"; write json or table");
}

TEST_F(AgentExtTest, Stats) {
  const auto* table = Ext<shoji_agent_stats_v1>(SHOJI_AGENT_STATS_V1);
  grpc::StatsContainerRequest request;
  grpc::StatsContainerResponse reply;
  reply.mutable_cgroup_stats()->mutable_pids_stats()->set_current(3);
  guest_->Answer("AgentService/StatsContainer", &request, reply);
  EXPECT_EQ(table->stats(raw(), nullptr, ToStr("c1"), &sink_, err()), SHOJI_OK);
  EXPECT_EQ(request.container_id(), "c1");
  EXPECT_EQ(Json::parse(text_)["cgroup_stats"]["pids_stats"]["current"], 3);
}

TEST_F(AgentExtTest, Update) {
  const auto* table = Ext<shoji_agent_update_v1>(SHOJI_AGENT_UPDATE_V1);
  ASSERT_NE(table, nullptr);
  grpc::UpdateContainerRequest request;
  guest_->Answer("AgentService/UpdateContainer", &request, nothing_);
  const char* json = R"({"memory":{"limit":33554432},"cpu":{"quota":-1,"cpus":"0-1"}})";
  EXPECT_EQ(table->update(raw(), nullptr, ToStr("c1"), ToStr(json), err()), SHOJI_OK);
  EXPECT_EQ(request.container_id(), "c1");
  EXPECT_EQ(request.resources().memory().limit(), 33554432);
  EXPECT_EQ(request.resources().cpu().quota(), -1);
  EXPECT_EQ(request.resources().cpu().cpus(), "0-1");
  EXPECT_EQ(
      table->update(raw(), nullptr, ToStr("c1"), ToStr(R"({"memory":{"limit":"1G"}})"), err()),
      SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(Message(),
            "OCI resources: resources.memory.limit is a string, expected a 64-bit integer");
  EXPECT_EQ(table->update(raw(), nullptr, ToStr("c1"), ToStr("[]"), err()), SHOJI_INVALID_ARGUMENT);
}

TEST_F(AgentExtTest, Interfaces) {
  const auto* table = Ext<shoji_agent_network_v1>(SHOJI_AGENT_NETWORK_V1);
  ASSERT_NE(table, nullptr);
  grpc::UpdateInterfaceRequest request;
  types::Interface reply;
  reply.set_name("eth0");
  reply.set_hwaddr("02:00:00:00:00:01");
  guest_->Answer("AgentService/UpdateInterface", &request, reply);
  EXPECT_EQ(table->update_interface(raw(), nullptr, ToStr(R"({"hwAddr":"02:00:00:00:00:01"})"),
                                    &sink_, err()),
            SHOJI_OK);
  EXPECT_EQ(request.interface().hwaddr(), "02:00:00:00:00:01");
  EXPECT_EQ(Json::parse(text_)["name"], "eth0");
  EXPECT_EQ(table->update_interface(raw(), nullptr, ToStr("{}"), &sink_, err()),
            SHOJI_INVALID_ARGUMENT);
  EXPECT_EQ(Message(), "interface.hwAddr is missing");
  grpc::Interfaces all;
  *all.add_interfaces() = reply;
  guest_->Answer("AgentService/ListInterfaces", &nothing_, all);
  text_.clear();
  EXPECT_EQ(table->list_interfaces(raw(), nullptr, &sink_, err()), SHOJI_OK);
  EXPECT_EQ(Json::parse(text_)[0]["hwAddr"], "02:00:00:00:00:01");
}

TEST_F(AgentExtTest, RoutesAreToldAsTheyAreThen) {
  const auto* table = Ext<shoji_agent_network_v1>(SHOJI_AGENT_NETWORK_V1);
  const shoji_str wanted = ToStr(R"([{"dest":"default","gateway":"10.0.0.1","device":"eth0"}])");
  grpc::UpdateRoutesRequest request;
  grpc::Routes requested;
  requested.add_routes()->set_dest("requested");
  guest_->Answer("AgentService/UpdateRoutes", &request, requested);
  grpc::Routes real;
  real.add_routes()->set_dest("real");
  guest_->Answer("AgentService/ListRoutes", &nothing_, real);
  EXPECT_EQ(table->update_routes(raw(), nullptr, wanted, &sink_, err()), SHOJI_OK);
  EXPECT_EQ(request.routes().routes(0).gateway(), "10.0.0.1");
  EXPECT_EQ(Json::parse(text_)[0]["dest"], "real");

  text_.clear();
  EXPECT_EQ(table->list_routes(raw(), nullptr, &sink_, err()), SHOJI_OK);
  EXPECT_EQ(Json::parse(text_)[0]["dest"], "real");

  text_.clear();
  guest_->Refuse("AgentService/UpdateRoutes", grpc::StatusCode::INTERNAL, "half way");
  EXPECT_EQ(table->update_routes(raw(), nullptr, wanted, &sink_, err()), SHOJI_INTERNAL);
  EXPECT_EQ(Message(), "guest agent: UpdateRoutes: half way");
  EXPECT_EQ(Json::parse(text_)[0]["dest"], "real") << "also after a failure";
}

TEST_F(AgentExtTest, RoutesOfAGuestThatCannotListThem) {
  const auto* table = Ext<shoji_agent_network_v1>(SHOJI_AGENT_NETWORK_V1);
  grpc::UpdateRoutesRequest request;
  grpc::Routes requested;
  requested.add_routes()->set_dest("requested");
  guest_->Answer("AgentService/UpdateRoutes", &request, requested);
  guest_->Refuse("AgentService/ListRoutes", grpc::StatusCode::UNIMPLEMENTED, "unknown method");
  EXPECT_EQ(table->update_routes(raw(), nullptr, ToStr("[]"), &sink_, err()), SHOJI_OK);
  EXPECT_EQ(Json::parse(text_)[0]["dest"], "requested");
  text_.clear();
  guest_->Refuse("AgentService/UpdateRoutes", grpc::StatusCode::INTERNAL, "half way");
  EXPECT_EQ(table->update_routes(raw(), nullptr, ToStr("[]"), &sink_, err()), SHOJI_INTERNAL);
  EXPECT_EQ(text_, "");
}

TEST_F(AgentExtTest, NeighborsOfOldAndNewGuests) {
  const auto* table = Ext<shoji_agent_network_v1>(SHOJI_AGENT_NETWORK_V1);
  const shoji_str neighbors = ToStr(
      R"([{"toIPAddress":{"family":"v6","address":"fe80::1"},"device":"eth0","lladdr":"02::1",
           "state":128,"flags":-1}])");
  grpc::AddARPNeighborsRequest request;
  guest_->Answer("AgentService/AddARPNeighbors", &request, nothing_);
  EXPECT_EQ(table->add_neighbors(raw(), nullptr, neighbors, err()), SHOJI_OK);
  const types::ARPNeighbor& seen = request.neighbors().arpneighbors(0);
  EXPECT_EQ(seen.toipaddress().family(), types::v6);
  EXPECT_EQ(seen.state(), 128);
  EXPECT_EQ(seen.flags(), -1);
  guest_->Refuse("AgentService/AddARPNeighbors", grpc::StatusCode::UNIMPLEMENTED, "unknown");
  EXPECT_EQ(table->add_neighbors(raw(), nullptr, neighbors, err()), SHOJI_UNIMPLEMENTED);
}

TEST_F(AgentExtTest, Hotplug) {
  const auto* table = Ext<shoji_agent_hotplug_v1>(SHOJI_AGENT_HOTPLUG_V1);
  ASSERT_NE(table, nullptr);
  grpc::OnlineCPUMemRequest online;
  guest_->Answer("AgentService/OnlineCPUMem", &online, nothing_);
  EXPECT_EQ(table->online(raw(), nullptr, 3, SHOJI_ONLINE_WAIT, err()), SHOJI_OK);
  EXPECT_EQ(online.nb_cpus(), 3U);
  EXPECT_TRUE(online.wait());
  EXPECT_FALSE(online.cpu_only());
  EXPECT_EQ(table->online(raw(), nullptr, 1, SHOJI_ONLINE_CPU_ONLY, err()), SHOJI_OK);
  EXPECT_FALSE(online.wait());
  EXPECT_TRUE(online.cpu_only());
  EXPECT_EQ(table->online(raw(), nullptr, 1, 4, err()), SHOJI_INVALID_ARGUMENT);
  grpc::MemHotplugByProbeRequest probe;
  guest_->Answer("AgentService/MemHotplugByProbe", &probe, nothing_);
  const std::uint64_t addresses[] = {0x100000000, 0xFFFFFFFF'00000000};
  EXPECT_EQ(table->probe_memory(raw(), nullptr, addresses, 2, err()), SHOJI_OK);
  EXPECT_EQ(probe.memhotplugprobeaddr(1), 0xFFFFFFFF'00000000U);
}

shoji_copy_request Piece(std::string_view data, std::uint64_t offset, std::uint64_t size) {
  shoji_copy_request request{};
  request.struct_size = sizeof request;
  request.file_mode = 0640;
  request.dir_mode = 0750;
  request.uid = 1;
  request.gid = 2;
  request.path = ToStr("/run/x/f");
  request.file_size = size;
  request.offset = offset;
  request.data = ToStr(data);
  return request;
}

TEST_F(AgentExtTest, CopyCarriesEveryField) {
  const auto* table = Ext<shoji_agent_files_v1>(SHOJI_AGENT_FILES_V1);
  ASSERT_NE(table, nullptr);
  grpc::CopyFileRequest seen;
  guest_->Answer("AgentService/CopyFile", &seen, nothing_);
  const shoji_copy_request request = Piece(std::string_view("a\0b", 3), 7, 10);
  EXPECT_EQ(table->copy(raw(), nullptr, &request, err()), SHOJI_OK) << Message();
  EXPECT_EQ(seen.path(), "/run/x/f");
  EXPECT_EQ(seen.data(), std::string("a\0b", 3));
  EXPECT_EQ(seen.offset(), 7);
  EXPECT_EQ(seen.file_size(), 10);
  EXPECT_EQ(seen.file_mode(), 0640U);
  EXPECT_EQ(seen.dir_mode(), 0750U);
  EXPECT_EQ(seen.uid(), 1);
  EXPECT_EQ(seen.gid(), 2);
  const shoji_copy_request empty = Piece({}, 0, 0);
  EXPECT_EQ(table->copy(raw(), nullptr, &empty, err()), SHOJI_OK) << "an empty file is one piece";
  const std::string big(1U << 20U, 'x');
  const shoji_copy_request most = Piece(big, 0, big.size());
  EXPECT_EQ(table->copy(raw(), nullptr, &most, err()), SHOJI_OK);
  EXPECT_EQ(seen.data().size(), big.size());
}

TEST_F(AgentExtTest, CopyRefusesWhatCannotBe) {
  const auto* table = Ext<shoji_agent_files_v1>(SHOJI_AGENT_FILES_V1);
  const std::string big((1U << 20U) + 1, 'x');
  std::vector<shoji_copy_request> bad = {Piece(big, 0, big.size()), Piece("abc", 8, 10),
                                         Piece("a", ~0ULL, 10),     Piece("a", 0, 1ULL << 63U),
                                         Piece("a", 0, 1),          Piece("a", 0, 1),
                                         Piece("a", 0, 1)};
  bad[4].uid = 0x80000000U;
  bad[5].gid = 0xFFFFFFFFU;
  bad[6].path = ToStr("run/x");
  for (const shoji_copy_request& request : bad) {
    EXPECT_EQ(table->copy(raw(), nullptr, &request, err()), SHOJI_INVALID_ARGUMENT) << Message();
  }
  EXPECT_EQ(connects_, 0) << "nothing of it reached the guest";
}

TEST_F(AgentExtTest, OomEvents) {
  const auto* table = Ext<shoji_agent_oom_v1>(SHOJI_AGENT_OOM_V1);
  ASSERT_NE(table, nullptr);
  grpc::OOMEvent event;
  event.set_container_id("c7");
  guest_->Answer("AgentService/GetOOMEvent", &nothing_, event);
  EXPECT_EQ(table->next(raw(), nullptr, &sink_, err()), SHOJI_OK);
  EXPECT_EQ(text_, "c7");
  guest_->Refuse("AgentService/GetOOMEvent", grpc::StatusCode::UNIMPLEMENTED, "unknown method");
  EXPECT_EQ(table->next(raw(), nullptr, &sink_, err()), SHOJI_UNIMPLEMENTED);
}

}  // namespace
}  // namespace shoji::agent_kata

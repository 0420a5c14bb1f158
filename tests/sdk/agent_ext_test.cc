// The optional tables of an agent: which there are, and what passes through them.
#include "shoji/sdk/agent_ext.h"

#include <gtest/gtest.h>

#include "shoji/sdk/testing/fake_host.h"

namespace shoji::sdk {
namespace {

using testing::FakeError;
using testing::FakeHost;
using testing::FakeSink;

class PlainAgent : public AgentBase {
 public:
  Status Check(const shoji_call*) override { return OkStatus(); }
  Result<std::string> GuestDetails(const shoji_call*) override { return std::string("{}"); }
  Status CreateSandbox(const shoji_call*, const shoji_sandbox_request&) override {
    return OkStatus();
  }
  Status DestroySandbox(const shoji_call*) override { return OkStatus(); }
  Status CreateContainer(const shoji_call*, const shoji_container_request&) override {
    return OkStatus();
  }
  Status StartContainer(const shoji_call*, std::string_view) override { return OkStatus(); }
  Status RemoveContainer(const shoji_call*, std::string_view, std::uint32_t) override {
    return OkStatus();
  }
  Status ExecProcess(const shoji_call*, const shoji_exec_request&) override { return OkStatus(); }
  Status SignalProcess(const shoji_call*, ProcessRef, std::uint32_t) override { return OkStatus(); }
  Result<std::int32_t> WaitProcess(const shoji_call*, ProcessRef) override { return 0; }
  Result<std::uint64_t> WriteStdin(const shoji_call*, ProcessRef, std::string_view) override {
    return std::uint64_t{0};
  }
  Status CloseStdin(const shoji_call*, ProcessRef) override { return OkStatus(); }
  Status ReadStdout(const shoji_call*, ProcessRef, std::uint32_t, const shoji_sink*) override {
    return OkStatus();
  }
  Status ReadStderr(const shoji_call*, ProcessRef, std::uint32_t, const shoji_sink*) override {
    return OkStatus();
  }
  Status TtyWinResize(const shoji_call*, ProcessRef, std::uint32_t, std::uint32_t) override {
    return OkStatus();
  }
  Status ReseedRandom(const shoji_call*, std::string_view) override { return OkStatus(); }
  Status SetTime(const shoji_call*, std::int64_t, std::int64_t) override { return OkStatus(); }
};

class RichAgent : public PlainAgent {
 public:
  static Result<std::unique_ptr<AgentBase>> Open(const Host&, const shoji_options*, Connector) {
    return std::unique_ptr<AgentBase>(new RichAgent);
  }
  Status Pause(const shoji_call*, std::string_view id) {
    return id == "c" ? OkStatus() : NotFound("no container");
  }
  Status Resume(const shoji_call*, std::string_view) { return OkStatus(); }
  Result<std::string> Stats(const shoji_call*, std::string_view) { return std::string("stats"); }
  Result<std::string> ListProcesses(const shoji_call*, std::string_view, std::string_view format,
                                    const std::vector<std::string_view>& args) {
    std::string out(format);
    for (const std::string_view arg : args) out += " " + std::string(arg);
    return out;
  }
  Status Update(const shoji_call*, std::string_view, std::string_view) { return OkStatus(); }
  Result<std::string> UpdateInterface(const shoji_call*, std::string_view json) {
    return std::string(json);
  }
  RoutesUpdate UpdateRoutes(const shoji_call*, std::string_view) {
    return {Aborted("half of them"), "[as they are]"};
  }
  Result<std::string> ListInterfaces(const shoji_call*) { return std::string("[]"); }
  Result<std::string> ListRoutes(const shoji_call*) { return std::string("[]"); }
  Status AddNeighbors(const shoji_call*, std::string_view) { return OkStatus(); }
  Status Online(const shoji_call*, std::uint32_t cpus, std::uint32_t flags) {
    return cpus == 2 && flags == SHOJI_ONLINE_WAIT ? OkStatus() : Internal("not passed on");
  }
  Status ProbeMemory(const shoji_call*, const std::vector<std::uint64_t>& addresses) {
    return addresses == std::vector<std::uint64_t>{1, 2} ? OkStatus() : Internal("not passed on");
  }
  Status Copy(const shoji_call*, const shoji_copy_request& request) {
    return View(request.data) == "x" ? OkStatus() : Internal("not passed on");
  }
  Result<std::string> NextOom(const shoji_call*) { return std::string("c7"); }
  Result<std::string> ShimToken(const shoji_call*, ProcessRef process) {
    if (process.container_id != "c") return NotFound("no container");
    return "token of " + std::string(process.exec_id);
  }
  const void* GetExtension(const char* id) override { return AgentExtension<RichAgent>(id); }
};

constexpr const char* kIds[] = {
    SHOJI_AGENT_PAUSE_V1,   SHOJI_AGENT_STATS_V1, SHOJI_AGENT_UPDATE_V1, SHOJI_AGENT_NETWORK_V1,
    SHOJI_AGENT_HOTPLUG_V1, SHOJI_AGENT_FILES_V1, SHOJI_AGENT_OOM_V1,    SHOJI_AGENT_SHIM_V1};

TEST(AgentExtension, AClassWithoutTheMembersHasNoTable) {
  for (const char* id : kIds) EXPECT_EQ(AgentExtension<PlainAgent>(id), nullptr) << id;
}

class AgentExtTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const shoji_connector connector = {sizeof connector, 0, &released_, nullptr,
                                       [](void* n) { ++*static_cast<int*>(n); }};
    ASSERT_EQ(table_.open(&interfaces_, nullptr, &connector, &agent_, error_.raw()), SHOJI_OK);
  }
  void TearDown() override {
    table_.close(agent_);
    EXPECT_EQ(released_, 1);
  }
  template <typename Table>
  const Table& Get(const char* id) {
    return *static_cast<const Table*>(table_.get_extension(agent_, id));
  }

  FakeHost fake_;
  Interfaces interfaces_{fake_.raw()};
  const shoji_agent_v1& table_ = *AgentTable<RichAgent>();
  int released_ = 0;
  FakeError error_;
  FakeSink sink_;
  shoji_agent* agent_ = nullptr;
};

TEST_F(AgentExtTest, AClassWithThemHasAll) {
  for (const char* id : kIds) EXPECT_NE(table_.get_extension(agent_, id), nullptr) << id;
  EXPECT_EQ(table_.get_extension(agent_, "shoji.agent.pause/2"), nullptr);
}

TEST_F(AgentExtTest, ContainersAndProcesses) {
  const auto& pause = Get<shoji_agent_pause_v1>(SHOJI_AGENT_PAUSE_V1);
  EXPECT_EQ(pause.pause(agent_, nullptr, ToStr("c"), error_.raw()), SHOJI_OK);
  EXPECT_EQ(pause.pause(agent_, nullptr, ToStr("d"), error_.raw()), SHOJI_NOT_FOUND);
  const shoji_str args[] = {ToStr("-e"), ToStr("f")};
  EXPECT_EQ(Get<shoji_agent_stats_v1>(SHOJI_AGENT_STATS_V1)
                .list_processes(agent_, nullptr, ToStr("c"), ToStr("table"), args, 2, sink_.raw(),
                                error_.raw()),
            SHOJI_OK);
  EXPECT_EQ(sink_.text(), "table -e f");
}

TEST_F(AgentExtTest, RoutesAreWrittenAlsoOnFailure) {
  EXPECT_EQ(Get<shoji_agent_network_v1>(SHOJI_AGENT_NETWORK_V1)
                .update_routes(agent_, nullptr, ToStr("[]"), sink_.raw(), error_.raw()),
            SHOJI_ABORTED);
  EXPECT_EQ(sink_.text(), "[as they are]");
  EXPECT_EQ(error_.message, "half of them");
}

TEST_F(AgentExtTest, FlagsAndSizesAreChecked) {
  const auto& hotplug = Get<shoji_agent_hotplug_v1>(SHOJI_AGENT_HOTPLUG_V1);
  EXPECT_EQ(hotplug.online(agent_, nullptr, 2, SHOJI_ONLINE_WAIT, error_.raw()), SHOJI_OK);
  EXPECT_EQ(hotplug.online(agent_, nullptr, 2, 0x8, error_.raw()), SHOJI_INVALID_ARGUMENT);
  const std::uint64_t addresses[] = {1, 2};
  EXPECT_EQ(hotplug.probe_memory(agent_, nullptr, addresses, 2, error_.raw()), SHOJI_OK);
  shoji_copy_request request{};
  request.struct_size = sizeof request;
  request.data = ToStr("x");
  const auto& files = Get<shoji_agent_files_v1>(SHOJI_AGENT_FILES_V1);
  EXPECT_EQ(files.copy(agent_, nullptr, &request, error_.raw()), SHOJI_OK);
  request.struct_size = 16;
  EXPECT_EQ(files.copy(agent_, nullptr, &request, error_.raw()), SHOJI_INVALID_ARGUMENT);
  shoji_sandbox_request sandbox{};
  sandbox.struct_size = sizeof sandbox;
  sandbox.flags = 0x10;
  EXPECT_EQ(table_.create_sandbox(agent_, nullptr, &sandbox, error_.raw()), SHOJI_INVALID_ARGUMENT);
}

TEST_F(AgentExtTest, OomNamesTheContainer) {
  EXPECT_EQ(
      Get<shoji_agent_oom_v1>(SHOJI_AGENT_OOM_V1).next(agent_, nullptr, sink_.raw(), error_.raw()),
      SHOJI_OK);
  EXPECT_EQ(sink_.text(), "c7");
}

TEST_F(AgentExtTest, TokensAreThoseOfAProcess) {
  const auto& shim = Get<shoji_agent_shim_v1>(SHOJI_AGENT_SHIM_V1);
  const auto ask = [&](const char* container) {
    return shim.token(agent_, nullptr, {ToStr(container), ToStr("e")}, sink_.raw(), error_.raw());
  };
  EXPECT_EQ(ask("d"), SHOJI_NOT_FOUND);
  EXPECT_EQ(sink_.text(), "");
  EXPECT_EQ(ask("c"), SHOJI_OK);
  EXPECT_EQ(sink_.text(), "token of e");
}

}  // namespace
}  // namespace shoji::sdk

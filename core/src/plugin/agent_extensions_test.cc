// The optional interfaces of an agent, over tables made by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <map>

#include "plugin/interfaces.h"
#include "plugin/slots.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/agent_shim.h"

namespace shoji {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What the tables were told, and what they answer.
struct Guest {
  std::map<std::string, const void*> tables;
  std::vector<std::string> calls;
  std::int32_t code = SHOJI_OK;
  bool mute = false;  // fails without a message
  std::int32_t cancel_fd = -1;
  std::string text = "{}";

  std::int32_t Answer(const std::string& call, const shoji_call* limits, shoji_error* error) {
    calls.push_back(call);
    cancel_fd = limits->cancel_fd;
    if (code != SHOJI_OK && !mute) {
      SetError(error, code, 0, ToStr("the guest refuses"));
      AddErrorDetail(error, ToStr("reason"), ToStr("busy"));
    }
    return code;
  }
  std::int32_t Tell(const std::string& call, const shoji_call* limits, const shoji_sink* sink,
                    shoji_error* error) {
    const std::int32_t answered = Answer(call, limits, error);
    return answered != SHOJI_OK ? answered : sink->write(sink->ctx, text.data(), text.size());
  }
};

Guest& Of(shoji_agent* agent) { return *reinterpret_cast<Guest*>(agent); }
std::string Text(shoji_str text) { return {text.data, static_cast<std::size_t>(text.size)}; }

const shoji_agent_pause_v1 kPause = {
    sizeof(shoji_agent_pause_v1), 0,
    [](shoji_agent* agent, const shoji_call* call, shoji_str id, shoji_error* error) {
      return Of(agent).Answer("pause " + Text(id), call, error);
    },
    [](shoji_agent* agent, const shoji_call* call, shoji_str id, shoji_error* error) {
      return Of(agent).Answer("resume " + Text(id), call, error);
    }};

const shoji_agent_stats_v1 kStats = {
    sizeof(shoji_agent_stats_v1), 0,
    [](shoji_agent* agent, const shoji_call* call, shoji_str id, const shoji_sink* sink,
       shoji_error* error) { return Of(agent).Tell("stats " + Text(id), call, sink, error); },
    [](shoji_agent* agent, const shoji_call* call, shoji_str id, shoji_str format,
       const shoji_str* args, std::uint32_t count, const shoji_sink* sink, shoji_error* error) {
      std::string what = "ps " + Text(id) + " " + Text(format);
      for (std::uint32_t i = 0; i < count; ++i) what += " " + Text(args[i]);
      return Of(agent).Tell(what, call, sink, error);
    }};

const shoji_agent_update_v1 kUpdate = {sizeof(shoji_agent_update_v1), 0,
                                       [](shoji_agent* agent, const shoji_call* call, shoji_str id,
                                          shoji_str json, shoji_error* error) {
                                         return Of(agent).Answer(
                                             "update " + Text(id) + " " + Text(json), call, error);
                                       }};

const shoji_agent_network_v1 kNetwork = {
    sizeof(shoji_agent_network_v1),
    0,
    [](shoji_agent* agent, const shoji_call* call, shoji_str json, const shoji_sink* sink,
       shoji_error* error) { return Of(agent).Tell("interface " + Text(json), call, sink, error); },
    [](shoji_agent* agent, const shoji_call* call, shoji_str json, const shoji_sink* sink,
       shoji_error* error) { return Of(agent).Tell("routes " + Text(json), call, sink, error); },
    [](shoji_agent* agent, const shoji_call* call, const shoji_sink* sink, shoji_error* error) {
      return Of(agent).Tell("interfaces?", call, sink, error);
    },
    [](shoji_agent* agent, const shoji_call* call, const shoji_sink* sink, shoji_error* error) {
      return Of(agent).Tell("routes?", call, sink, error);
    },
    [](shoji_agent* agent, const shoji_call* call, shoji_str json, shoji_error* error) {
      return Of(agent).Answer("neighbors " + Text(json), call, error);
    }};

const shoji_agent_hotplug_v1 kHotplug = {
    sizeof(shoji_agent_hotplug_v1), 0,
    [](shoji_agent* agent, const shoji_call* call, std::uint32_t cpus, std::uint32_t flags,
       shoji_error* error) {
      const std::string what = "online " + std::to_string(cpus) + " " + std::to_string(flags);
      return Of(agent).Answer(what, call, error);
    },
    [](shoji_agent* agent, const shoji_call* call, const std::uint64_t* addresses,
       std::uint32_t count, shoji_error* error) {
      std::string what = "probe";
      for (std::uint32_t i = 0; i < count; ++i) what += " " + std::to_string(addresses[i]);
      return Of(agent).Answer(what, call, error);
    }};

const shoji_agent_files_v1 kFiles = {
    sizeof(shoji_agent_files_v1), 0,
    [](shoji_agent* agent, const shoji_call* call, const shoji_copy_request* request,
       shoji_error* error) {
      EXPECT_EQ(request->struct_size, sizeof(*request));
      std::string what = "copy " + Text(request->path) + " " + Text(request->data);
      for (const std::uint64_t number :
           {std::uint64_t{request->file_mode}, std::uint64_t{request->dir_mode},
            std::uint64_t{request->uid}, std::uint64_t{request->gid}, request->file_size,
            request->offset}) {
        what += " " + std::to_string(number);
      }
      return Of(agent).Answer(what, call, error);
    }};

const shoji_agent_oom_v1 kOom = {
    sizeof(shoji_agent_oom_v1), 0,
    [](shoji_agent* agent, const shoji_call* call, const shoji_sink* sink, shoji_error* error) {
      return Of(agent).Tell("oom?", call, sink, error);
    }};

const shoji_agent_shim_v1 kShim = {
    sizeof(shoji_agent_shim_v1), 0,
    [](shoji_agent* agent, const shoji_call* call, shoji_process_ref process,
       const shoji_sink* sink, shoji_error* error) {
      return Of(agent).Tell("token " + Text(process.container_id) + "/" + Text(process.exec_id),
                            call, sink, error);
    }};

const std::map<std::string, const void*> kAll = {
    {SHOJI_AGENT_PAUSE_V1, &kPause},     {SHOJI_AGENT_STATS_V1, &kStats},
    {SHOJI_AGENT_UPDATE_V1, &kUpdate},   {SHOJI_AGENT_NETWORK_V1, &kNetwork},
    {SHOJI_AGENT_HOTPLUG_V1, &kHotplug}, {SHOJI_AGENT_FILES_V1, &kFiles},
    {SHOJI_AGENT_OOM_V1, &kOom}};

// Every optional call, by the name of its slot.
struct Slot {
  const char* name;
  std::function<Status(Agent&)> call;
};
const std::vector<Slot> kSlots = {
    {"pause", [](Agent& agent) { return agent.PauseContainer({}, "c"); }},
    {"resume", [](Agent& agent) { return agent.ResumeContainer({}, "c"); }},
    {"stats", [](Agent& agent) { return agent.StatsContainer({}, "c").status(); }},
    {"list_processes",
     [](Agent& agent) { return agent.ListProcesses({}, "c", "json", {}).status(); }},
    {"update", [](Agent& agent) { return agent.UpdateContainer({}, "c", "{}"); }},
    {"update_interface", [](Agent& agent) { return agent.UpdateInterface({}, "{}").status(); }},
    {"update_routes", [](Agent& agent) { return agent.UpdateRoutes({}, "[]").status(); }},
    {"list_interfaces", [](Agent& agent) { return agent.ListInterfaces({}).status(); }},
    {"list_routes", [](Agent& agent) { return agent.ListRoutes({}).status(); }},
    {"add_neighbors", [](Agent& agent) { return agent.AddNeighbors({}, "[]"); }},
    {"online", [](Agent& agent) { return agent.Online({}, 1, 0); }},
    {"probe_memory", [](Agent& agent) { return agent.ProbeMemory({}, {1}); }},
    {"copy", [](Agent& agent) { return agent.CopyPiece({}, {}); }},
    {"next", [](Agent& agent) { return agent.NextOom({}).status(); }}};

class AgentExtensions : public ::testing::Test {
 protected:
  AgentExtensions() {
    guest_.tables = kAll;
    table_.struct_size = sizeof(table_);
    table_.get_extension = [](shoji_agent* agent, const char* id) -> const void* {
      const auto it = Of(agent).tables.find(id);
      return it == Of(agent).tables.end() ? nullptr : it->second;
    };
  }
  void ExpectAllUnimplemented() {
    for (const Slot& slot : kSlots) {
      const Status status = slot.call(agent_);
      EXPECT_EQ(status.code(), StatusCode::kUnimplemented) << slot.name;
      EXPECT_EQ(status.message(),
                std::string("plugin agent fake does not offer the call ") + slot.name);
    }
    EXPECT_TRUE(guest_.calls.empty());
  }

  Guest guest_;
  shoji_agent_v1 table_{};
  Agent agent_{&table_, reinterpret_cast<shoji_agent*>(&guest_), "agent fake"};
};

TEST_F(AgentExtensions, PassOnWhatTheyAreGiven) {
  EXPECT_TRUE(agent_.PauseContainer({Deadline(), 9}, "c").ok());
  EXPECT_EQ(guest_.cancel_fd, 9);
  EXPECT_TRUE(agent_.ResumeContainer({}, "c").ok());
  EXPECT_TRUE(agent_.UpdateContainer({}, "c", R"({"pids":{}})").ok());
  EXPECT_TRUE(agent_.AddNeighbors({}, "[1]").ok());
  EXPECT_TRUE(agent_.Online({}, 2, SHOJI_ONLINE_WAIT | SHOJI_ONLINE_CPU_ONLY).ok());
  EXPECT_TRUE(agent_.ProbeMemory({}, {1, UINT64_MAX}).ok());
  EXPECT_TRUE(agent_.CopyPiece({}, {"/etc/x", 0600, 0700, 1, 2, 9, 4, "data"}).ok());
  EXPECT_THAT(
      guest_.calls,
      ElementsAre("pause c", "resume c", R"(update c {"pids":{}})", "neighbors [1]", "online 2 3",
                  "probe 1 18446744073709551615", "copy /etc/x data 384 448 1 2 9 4"));
}

// The agent may ask whether the VM is held until it is closed, from the second call on none is
// taken.
TEST_F(AgentExtensions, AskWhetherTheVmIsHeld) {
  static shoji_silence told;
  const shoji_agent_silence_v1 table = {
      sizeof(table), 0, [](shoji_agent*, const shoji_silence* silence, shoji_error*) {
        EXPECT_GE(silence->struct_size, sizeof(shoji_silence));
        told = *silence;
        return std::int32_t{SHOJI_OK};
      }};
  EXPECT_EQ(agent_.ExcuseSilence([] { return true; }).code(), StatusCode::kUnimplemented);
  guest_.tables[SHOJI_AGENT_SILENCE_V1] = &table;
  bool held = true;
  ASSERT_TRUE(agent_.ExcuseSilence([&held] { return held; }).ok());
  EXPECT_EQ(told.paused(told.ctx), 1);
  held = false;
  EXPECT_EQ(told.paused(told.ctx), 0);
  EXPECT_EQ(agent_.ExcuseSilence([] { return true; }).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(told.paused(told.ctx), 0);
}

TEST_F(AgentExtensions, GiveBackTheAnswer) {
  guest_.text = "answer";
  EXPECT_EQ(agent_.StatsContainer({}, "c").value(), "answer");
  EXPECT_EQ(agent_.ListProcesses({}, "c", "table", {"-e", "-f"}).value(), "answer");
  EXPECT_EQ(agent_.UpdateInterface({}, "{1}").value(), "answer");
  EXPECT_EQ(agent_.UpdateRoutes({}, "[2]").value(), "answer");
  EXPECT_EQ(agent_.ListInterfaces({}).value(), "answer");
  EXPECT_EQ(agent_.ListRoutes({}).value(), "answer");
  guest_.text = "c1";
  EXPECT_EQ(agent_.NextOom({}).value(), "c1");
  EXPECT_THAT(guest_.calls, ElementsAre("stats c", "ps c table -e -f", "interface {1}",
                                        "routes [2]", "interfaces?", "routes?", "oom?"));
}

TEST_F(AgentExtensions, EmptyListsAndTexts) {
  EXPECT_TRUE(agent_.ListProcesses({}, "", "", {}).ok());
  EXPECT_TRUE(agent_.ProbeMemory({}, {}).ok());
  EXPECT_TRUE(agent_.CopyPiece({}, {}).ok());
  EXPECT_THAT(guest_.calls, ElementsAre("ps  ", "probe", "copy   420 493 0 0 0 0"));
}

TEST_F(AgentExtensions, WhatIsNotOfferedNamesPluginAndCall) {
  guest_.tables.clear();
  ExpectAllUnimplemented();
  // Tables that end before their first slot, and tables without any function.
  const shoji_agent_update_v1 empty = {offsetof(shoji_agent_update_v1, update), 0, nullptr};
  for (const auto& [id, table] : kAll) guest_.tables[id] = &empty;
  ExpectAllUnimplemented();
  alignas(8) char null_slots[256] = {};
  reinterpret_cast<shoji_agent_update_v1*>(null_slots)->struct_size = sizeof(null_slots);
  for (const auto& [id, table] : kAll) guest_.tables[id] = null_slots;
  ExpectAllUnimplemented();
  guest_.tables = kAll;
  table_.struct_size = offsetof(shoji_agent_v1, get_extension);
  ExpectAllUnimplemented();
}

// A plugin built when the table was shorter.
TEST_F(AgentExtensions, AShortTableIsReadToItsEndOnly) {
  shoji_agent_network_v1 network = kNetwork;
  network.struct_size = offsetof(shoji_agent_network_v1, add_neighbors);
  guest_.tables[SHOJI_AGENT_NETWORK_V1] = &network;
  EXPECT_TRUE(agent_.ListRoutes({}).ok());
  EXPECT_EQ(agent_.AddNeighbors({}, "[]").code(), StatusCode::kUnimplemented);
}

TEST_F(AgentExtensions, FailuresAreThePluginsOwn) {
  for (const Slot& slot : kSlots) {
    guest_.code = SHOJI_ABORTED;
    guest_.mute = false;
    const Status said = slot.call(agent_);
    EXPECT_EQ(said.code(), StatusCode::kAborted) << slot.name;
    EXPECT_EQ(said.message(), "the guest refuses");
    EXPECT_EQ(said.detail("reason"), "busy");
    guest_.mute = true;
    EXPECT_EQ(slot.call(agent_).message(), std::string("plugin agent fake: call ") + slot.name +
                                               " failed with ABORTED and no message");
    guest_.code = -1;
    EXPECT_THAT(slot.call(agent_).message(), HasSubstr("failed with the unknown code -1"));
  }
}

TEST_F(AgentExtensions, AnAgentWithTokensWantsTheShimFirst) {
  EXPECT_FALSE(agent_.shim_first());
  EXPECT_EQ(agent_.ShimToken({}, {"c", "e"}).value(), "") << "the exec id is all it needs";
  EXPECT_THAT(guest_.calls, ElementsAre());
  guest_.tables[SHOJI_AGENT_SHIM_V1] = &kShim;
  EXPECT_TRUE(agent_.shim_first());
  guest_.text = "secret";
  EXPECT_EQ(agent_.ShimToken({}, {"c", "e"}).value(), "secret");
  EXPECT_THAT(guest_.calls, ElementsAre("token c/e"));
  guest_.text = "";
  EXPECT_EQ(agent_.ShimToken({}, {"c", "e"}).status().code(), StatusCode::kInternal);
  guest_.text.assign(4097, 'x');
  EXPECT_FALSE(agent_.ShimToken({}, {"c", "e"}).ok());
  guest_.code = SHOJI_NOT_FOUND;
  EXPECT_EQ(agent_.ShimToken({}, {"c", "e"}).status().code(), StatusCode::kNotFound);
}

TEST_F(AgentExtensions, AnAnswerWithoutEndIsRefused) {
  guest_.text.assign(kMaxText + 1, 'x');
  EXPECT_FALSE(agent_.ListRoutes({}).ok());
  EXPECT_FALSE(agent_.NextOom({}).ok());
}

}  // namespace
}  // namespace shoji

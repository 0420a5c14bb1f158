// The wrappers of an agent's optional interfaces, over a table that writes down its calls.
#include "shoji/plugin/agent_ext.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "plugin/error.h"
#include "plugin/interfaces.h"
#include "plugin/slots.h"

namespace shoji {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct FakeAgent {
  std::vector<std::string> calls;
  std::map<std::string, std::string> files;
  std::string stop_at;                // the call that fails
  std::int32_t code = SHOJI_ABORTED;  // and how
  bool offers = true;
  std::function<void()> on_copy = [] {};
};

FakeAgent* Of(shoji_agent* agent) { return reinterpret_cast<FakeAgent*>(agent); }
std::string Text(shoji_str text) { return {text.data, text.size}; }

std::int32_t Note(shoji_agent* agent, shoji_error* error, const std::string& call,
                  const std::string& text = "") {
  Of(agent)->calls.push_back(text.empty() ? call : call + " " + text);
  if (Of(agent)->stop_at != call) return SHOJI_OK;
  SetError(error, Of(agent)->code, 0, ToStr("told to fail"));
  return Of(agent)->code;
}
std::int32_t Give(shoji_agent* agent, shoji_error* error, const std::string& call,
                  const std::string& text, const shoji_sink* sink) {
  if (const std::int32_t code = Note(agent, error, call, text); code != SHOJI_OK) return code;
  const std::string answer = call + "!";
  return sink->write(sink->ctx, answer.data(), answer.size());
}

const shoji_agent_pause_v1 kPause = {sizeof(kPause), 0,
                                     [](shoji_agent* a, const shoji_call*, shoji_str id,
                                        shoji_error* e) { return Note(a, e, "pause", Text(id)); },
                                     [](shoji_agent* a, const shoji_call*, shoji_str id,
                                        shoji_error* e) { return Note(a, e, "resume", Text(id)); }};
const shoji_agent_stats_v1 kStats = {
    sizeof(kStats), 0,
    [](shoji_agent* a, const shoji_call*, shoji_str id, const shoji_sink* out, shoji_error* e) {
      return Give(a, e, "stats", Text(id), out);
    },
    [](shoji_agent* a, const shoji_call*, shoji_str id, shoji_str format, const shoji_str* args,
       std::uint32_t count, const shoji_sink* out, shoji_error* e) {
      std::string all = Text(id) + " " + Text(format);
      for (std::uint32_t i = 0; i < count; ++i) all += " " + Text(args[i]);
      return Give(a, e, "list_processes", all, out);
    }};
const shoji_agent_update_v1 kUpdate = {
    sizeof(kUpdate), 0,
    [](shoji_agent* a, const shoji_call*, shoji_str id, shoji_str json, shoji_error* e) {
      return Note(a, e, "update", Text(id) + " " + Text(json));
    }};
const shoji_agent_network_v1 kNetwork = {
    sizeof(kNetwork),
    0,
    [](shoji_agent* a, const shoji_call*, shoji_str json, const shoji_sink* out, shoji_error* e) {
      return Give(a, e, "update_interface", Text(json), out);
    },
    [](shoji_agent* a, const shoji_call*, shoji_str json, const shoji_sink* out, shoji_error* e) {
      out->write(out->ctx, "[now]", 5);
      return Note(a, e, "update_routes", Text(json));
    },
    [](shoji_agent* a, const shoji_call*, const shoji_sink* out, shoji_error* e) {
      return Give(a, e, "list_interfaces", "", out);
    },
    [](shoji_agent* a, const shoji_call*, const shoji_sink* out, shoji_error* e) {
      return Give(a, e, "list_routes", "", out);
    },
    [](shoji_agent* a, const shoji_call*, shoji_str json, shoji_error* e) {
      return Note(a, e, "add_neighbors", Text(json));
    }};
const shoji_agent_hotplug_v1 kHotplug = {
    sizeof(kHotplug), 0,
    [](shoji_agent* a, const shoji_call*, std::uint32_t cpus, std::uint32_t flags, shoji_error* e) {
      return Note(a, e, "online", std::to_string(cpus) + " " + std::to_string(flags));
    },
    [](shoji_agent* a, const shoji_call*, const std::uint64_t* addresses, std::uint32_t count,
       shoji_error* e) {
      return Note(a, e, "probe_memory", std::to_string(addresses[count - 1]));
    }};
const shoji_agent_files_v1 kFiles = {
    sizeof(kFiles), 0,
    [](shoji_agent* a, const shoji_call*, const shoji_copy_request* r, shoji_error* e) {
      std::string& file = Of(a)->files[Text(r->path)];
      EXPECT_EQ(file.size(), r->offset);
      EXPECT_LE(r->data.size, 1U << 20U);
      file += Text(r->data);
      Of(a)->on_copy();
      char line[128];
      std::snprintf(line, sizeof line, "%o %o %u:%u %zu of %zu", r->file_mode, r->dir_mode, r->uid,
                    r->gid, static_cast<std::size_t>(r->data.size),
                    static_cast<std::size_t>(r->file_size));
      return Note(a, e, "copy", line);
    }};
const shoji_agent_oom_v1 kOom = {
    sizeof(kOom), 0, [](shoji_agent* a, const shoji_call*, const shoji_sink* out, shoji_error* e) {
      return Give(a, e, "next", "", out);
    }};

const void* Extension(shoji_agent* agent, const char* id) {
  static const std::map<std::string, const void*> tables = {
      {SHOJI_AGENT_PAUSE_V1, &kPause},     {SHOJI_AGENT_STATS_V1, &kStats},
      {SHOJI_AGENT_UPDATE_V1, &kUpdate},   {SHOJI_AGENT_NETWORK_V1, &kNetwork},
      {SHOJI_AGENT_HOTPLUG_V1, &kHotplug}, {SHOJI_AGENT_FILES_V1, &kFiles},
      {SHOJI_AGENT_OOM_V1, &kOom}};
  const auto it = tables.find(id);
  return !Of(agent)->offers || it == tables.end() ? nullptr : it->second;
}

class AgentExtWrapper : public ::testing::Test {
 protected:
  AgentExtWrapper() {
    table_.struct_size = sizeof(table_);
    table_.get_extension = Extension;
    agent_ = std::make_unique<Agent>(&table_, reinterpret_cast<shoji_agent*>(&fake_), "agent fake");
  }
  // Every call, and what it answers.
  std::vector<std::pair<std::string, Status>> CallAll() {
    const auto of = [](const Result<std::string>& r) { return r.ok() ? OkStatus() : r.status(); };
    return {{"pause", agent_->Pause({}, "c")},
            {"resume", agent_->Resume({}, "c")},
            {"stats", of(agent_->Stats({}, "c"))},
            {"list_processes", of(agent_->ListProcesses({}, "c", "json", {}))},
            {"update", agent_->Update({}, "c", "{}")},
            {"update_interface", of(agent_->UpdateInterface({}, "{}"))},
            {"update_routes", agent_->UpdateRoutes({}, "[]", nullptr)},
            {"list_interfaces", of(agent_->ListInterfaces({}))},
            {"list_routes", of(agent_->ListRoutes({}))},
            {"add_neighbors", agent_->AddNeighbors({}, "[]")},
            {"online", agent_->Online({}, 1, 0)},
            {"probe_memory", agent_->ProbeMemory({}, {1})},
            {"next", of(agent_->NextOom({}))},
            {"copy", agent_->CopyText({}, {"/run/f"}, "x")}};
  }

  FakeAgent fake_;
  shoji_agent_v1 table_{};
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentExtWrapper, PassOnWhatTheyAreGiven) {
  EXPECT_TRUE(agent_->Pause({}, "c1").ok());
  EXPECT_TRUE(agent_->Resume({}, "c1").ok());
  EXPECT_EQ(agent_->Stats({}, "c1").value(), "stats!");
  EXPECT_EQ(agent_->ListProcesses({}, "c1", "table", {"-e", "-f"}).value(), "list_processes!");
  EXPECT_TRUE(agent_->Update({}, "c1", "{r}").ok());
  EXPECT_EQ(agent_->UpdateInterface({}, "{i}").value(), "update_interface!");
  EXPECT_EQ(agent_->ListInterfaces({}).value(), "list_interfaces!");
  EXPECT_EQ(agent_->ListRoutes({}).value(), "list_routes!");
  EXPECT_TRUE(agent_->AddNeighbors({}, "[n]").ok());
  EXPECT_TRUE(agent_->Online({}, 2, SHOJI_ONLINE_WAIT).ok());
  EXPECT_TRUE(agent_->ProbeMemory({}, {5, 6}).ok());
  EXPECT_EQ(agent_->NextOom({}).value(), "next!");
  EXPECT_THAT(fake_.calls,
              ElementsAre("pause c1", "resume c1", "stats c1", "list_processes c1 table -e -f",
                          "update c1 {r}", "update_interface {i}", "list_interfaces", "list_routes",
                          "add_neighbors [n]", "online 2 1", "probe_memory 6", "next"));
}

TEST_F(AgentExtWrapper, FailuresComeThrough) {
  for (const auto& [name, status] : CallAll()) {
    EXPECT_TRUE(status.ok()) << name << ": " << status.message();
    fake_.stop_at = name;
    fake_.files.clear();
    for (const auto& [call, outcome] : CallAll()) {
      EXPECT_EQ(outcome.code(), call == name ? StatusCode::kAborted : StatusCode::kOk) << call;
    }
    fake_.stop_at.clear();
  }
}

TEST_F(AgentExtWrapper, RoutesAreToldAlsoAfterAFailure) {
  std::string now;
  EXPECT_TRUE(agent_->UpdateRoutes({}, "[]", &now).ok());
  EXPECT_EQ(now, "[now]");
  now.clear();
  fake_.stop_at = "update_routes";
  EXPECT_EQ(agent_->UpdateRoutes({}, "[]", &now).code(), StatusCode::kAborted);
  EXPECT_EQ(now, "[now]");
}

TEST_F(AgentExtWrapper, PluginWithoutThem) {
  fake_.offers = false;
  EXPECT_FALSE(agent_->Offers(SHOJI_AGENT_PAUSE_V1));
  for (const auto& [name, status] : CallAll()) {
    if (name == "add_neighbors") continue;
    EXPECT_EQ(status.message(), "plugin agent fake does not offer the call " + name);
    EXPECT_EQ(status.code(), StatusCode::kUnimplemented);
  }
  table_.struct_size = offsetof(shoji_agent_v1, get_extension);
  fake_.offers = true;
  EXPECT_FALSE(agent_->Offers(SHOJI_AGENT_PAUSE_V1)) << "a table from before there were any";
}

TEST_F(AgentExtWrapper, NeighborsOfAnOldGuestAreItsOwnAffair) {
  fake_.stop_at = "add_neighbors";
  fake_.code = SHOJI_UNIMPLEMENTED;
  EXPECT_TRUE(agent_->AddNeighbors({}, "[]").ok());
}

class CopyWrapper : public AgentExtWrapper {
 protected:
  CopyWrapper() {
    char dir[] = "/tmp/agent-ext-XXXXXX";
    dir_ = mkdtemp(dir);
  }
  ~CopyWrapper() override { std::filesystem::remove_all(dir_); }
  std::string Make(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
    std::ofstream(path()) << text;
    return text;
  }
  std::string path() const { return dir_ + "/file"; }

  std::string dir_;
  const Agent::GuestFile to_{"/run/x/f", 0640, 0750, 1, 2};
};

TEST_F(CopyWrapper, WholeFilesInPieces) {
  constexpr std::size_t kMiB = 1U << 20U;
  for (const std::size_t size : {std::size_t{1}, kMiB - 1, kMiB, kMiB + 1, 3 * kMiB + 5}) {
    fake_.files.clear();
    const std::string text = Make(size);
    EXPECT_TRUE(agent_->CopyFile({}, to_, path()).ok());
    EXPECT_TRUE(fake_.files["/run/x/f"] == text) << size;
    fake_.files.clear();
    EXPECT_TRUE(agent_->CopyText({}, to_, text).ok());
    EXPECT_TRUE(fake_.files["/run/x/f"] == text) << size;
  }
  EXPECT_EQ(fake_.calls.back(), "copy 640 750 1:2 5 of 3145733");
}

TEST_F(CopyWrapper, AnEmptyFileIsOnePiece) {
  Make(0);
  EXPECT_TRUE(agent_->CopyFile({}, to_, path()).ok());
  EXPECT_TRUE(agent_->CopyText({}, to_, "").ok());
  EXPECT_THAT(fake_.calls, ElementsAre("copy 640 750 1:2 0 of 0", "copy 640 750 1:2 0 of 0"));
}

TEST_F(CopyWrapper, FileThatShrinksMeanwhile) {
  Make(3U << 20U);
  fake_.on_copy = [this] { std::filesystem::resize_file(path(), 100); };
  const Status status = agent_->CopyFile({}, to_, path());
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_THAT(status.message(), HasSubstr("became shorter"));
  EXPECT_EQ(fake_.calls.size(), 1U);
}

TEST_F(CopyWrapper, WhatIsNoFile) {
  EXPECT_EQ(agent_->CopyFile({}, to_, dir_ + "/none").code(), StatusCode::kNotFound);
  const Status directory = agent_->CopyFile({}, to_, dir_);
  EXPECT_EQ(directory.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(directory.message(), HasSubstr(dir_ + " for the guest: not a regular file"));
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(agent_->CopyFile({}, to_, path()).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(fake_.calls.empty());
}

TEST_F(CopyWrapper, AFailureEndsIt) {
  Make(3U << 20U);
  fake_.stop_at = "copy";
  EXPECT_EQ(agent_->CopyFile({}, to_, path()).code(), StatusCode::kAborted);
  EXPECT_EQ(fake_.calls.size(), 1U);
}

}  // namespace
}  // namespace shoji

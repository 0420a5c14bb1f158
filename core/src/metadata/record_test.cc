#include "metadata/record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "metadata/config_json.h"
#include "metadata/text.h"
#include "metadata/upgrade.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

using nlohmann::json;

std::string Sample(const std::string& name) {
  const auto text = ReadFile(std::string(SHOJI_TESTDATA) + "/" + name);
  EXPECT_TRUE(text.ok()) << text.status().message();
  return text.ok() ? *text : "";
}

SandboxRecord Minimal() {
  SandboxRecord record;
  record.id = "pod";
  record.containers.emplace_back().config.id = "a";
  return record;
}

StatusCode CodeOf(const std::string& text) { return ParseRecord(text).status().code(); }

TEST(RecordTest, AnyBytesComeBack) {
  const std::string odd("\xff/\0 caf\xe9", 8);
  SandboxRecord record = Minimal();
  record.config.annotations[odd] = odd;
  record.config.annotations["plain"] = "caf\xc3\xa9";
  record.containers[0].rootfs = "/srv/\xfe";
  record.containers[0].config.cmd.args = {odd, "", std::string(1, '\0'), "\xed\xa0\x80"};
  const auto read = ParseRecord(FormatRecord(record));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->config.annotations, record.config.annotations);
  EXPECT_EQ(read->containers[0].rootfs, record.containers[0].rootfs);
  EXPECT_EQ(read->containers[0].config.cmd.args, record.containers[0].config.cmd.args);
  EXPECT_EQ(FormatRecord(*read), FormatRecord(record));
}

TEST(RecordTest, WhatTheHostHoldsComesBack) {
  SandboxRecord record = Minimal();
  record.host_cgroup = "/pods/shoji-0-pod";
  record.config.cgroup_parent = "/pods";
  record.config.assets = {"/k", "1", "/i", "2", "/d", "3", "quiet"};
  record.containers[0].poststop_due = true;
  record.containers[0].config.hooks.prestart = {{"/bin/a", {"a", "b"}, {"A=1"}, 7}};
  record.containers[0].config.hooks.poststop = {{"/bin/b", {}, {}, 0}};
  const auto read = ParseRecord(FormatRecord(record));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->host_cgroup, record.host_cgroup);
  EXPECT_EQ(read->config.cgroup_parent, "/pods");
  EXPECT_EQ(read->config.assets.image_sha256, "3");
  EXPECT_EQ(read->config.assets.kernel_params, "quiet");
  EXPECT_TRUE(read->containers[0].poststop_due);
  ASSERT_EQ(read->containers[0].config.hooks.prestart.size(), 1U);
  EXPECT_EQ(read->containers[0].config.hooks.prestart[0].envs[0], "A=1");
  EXPECT_EQ(read->containers[0].config.hooks.prestart[0].timeout_s, 7U);
  EXPECT_EQ(FormatRecord(*read), FormatRecord(record));
}

TEST(RecordTest, TextIsUtf8OrHex) {
  for (const char* good :
       {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
    EXPECT_EQ(EncodeText(good), good);
  }
  for (const char* bad : {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xe2\x82", "a\xff"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
    EXPECT_EQ(*DecodeText(EncodeText(bad)), bad);
  }
  EXPECT_FALSE(DecodeText(std::string("\0z", 2)).ok());
}

TEST(RecordTest, UpgradesTheFirstSchema) {
  const std::string text = Sample("record-schema-1.json");
  const auto record = ParseRecord(text);
  ASSERT_TRUE(record.ok()) << record.status().message();
  EXPECT_EQ(record->stored_schema, 1);
  EXPECT_EQ(record->config.annotations.at("io.example/odd"), std::string("\0starts with NUL", 16));
  EXPECT_EQ(record->config.annotations.at("io.example/plain"), "caf\xc3\xa9");
  EXPECT_EQ(record->vm_state, std::string("{\"pid\":4711}\0\xff", 14));
  EXPECT_EQ(record->unknown, "");
  // Written back it is of our schema, and apart from that and the mark of odd strings the same.
  json before = json::parse(text);
  json after = json::parse(FormatRecord(*record));
  EXPECT_EQ(after["schema"], kRecordSchema);
  after["schema"] = before["schema"];
  before["config"]["annotations"]["io.example/odd"] =
      EncodeText(std::string("\0starts with NUL", 16));
  EXPECT_EQ(after, before);
  EXPECT_EQ(ParseRecord(FormatRecord(*record))->stored_schema, kRecordSchema);
}

TEST(RecordTest, UpgradesStepByStep) {
  const std::vector<UpgradeStep> steps = {
      [](json& r) { r["path"] = r["path"].get<std::string>() + "3"; },
      [](json& r) { r["path"] = r["path"].get<std::string>() + "4"; },
      [](json& r) { r["path"] = r["path"].get<std::string>() + "5"; },
  };
  for (const auto& [schema, path] : {std::pair{2, "345"}, {3, "45"}, {4, "5"}, {5, ""}}) {
    json record = {{"schema", schema}, {"path", ""}};
    const auto had = UpgradeWith(steps, 2, record);
    ASSERT_TRUE(had.ok()) << had.status().message();
    EXPECT_EQ(*had, schema);
    EXPECT_EQ(record, (json{{"schema", 5}, {"path", path}}));
  }
  json newer = {{"schema", 6}};
  EXPECT_EQ(UpgradeWith(steps, 2, newer).status().code(), StatusCode::kFailedPrecondition);
  json older = {{"schema", 1}};
  EXPECT_EQ(UpgradeWith(steps, 2, older).status().code(), StatusCode::kDataLoss);
}

TEST(RecordTest, RefusesANewerSchema) {
  const Status newer = ParseRecord(R"({"schema":3000000000,"later":true})").status();
  EXPECT_EQ(newer.code(), StatusCode::kFailedPrecondition);
  for (const char* text : {"schema 3000000000", "reads up to 2", "use the newer version"}) {
    EXPECT_NE(newer.message().find(text), std::string::npos) << newer.message();
  }
}

SandboxRecord Attached() {
  SandboxRecord record = Minimal();
  record.devices = {FullDevice()};
  record.storages = {FullStorage()};
  record.storages[0].with_containers = true;
  record.interfaces = {FullInterface()};
  record.network = "tcfilter";
  record.network_state = std::string("a\0\xff", 3);
  record.base_vcpus = 2;
  record.base_memory_bytes = 3;
  record.boot_vcpus = 4;
  record.boot_memory_bytes = 5;
  record.boot_devices = {"x", "y"};
  record.host_cgroup = "/shoji/pod";
  Fill(record.config);
  Fill(record.containers[0].config);
  return record;
}

TEST(RecordTest, WhatIsAttachedComesBack) {
  const SandboxRecord record = Attached();
  const auto read = ParseRecord(FormatRecord(record));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->unknown, "");
  EXPECT_EQ(read->devices.at(0).info, record.devices[0].info);
  EXPECT_EQ(read->devices[0].unknown, "");
  EXPECT_EQ(read->storages.at(0).info, record.storages[0].info);
  EXPECT_TRUE(read->storages[0].with_containers);
  EXPECT_EQ(read->interfaces.at(0).info, record.interfaces[0].info);
  EXPECT_EQ(read->network_state, record.network_state);
  EXPECT_EQ(read->config.network.queues, 2U);
  EXPECT_FALSE(read->config.share);
  EXPECT_TRUE(read->config.shared_pid_namespace);
  EXPECT_EQ(read->config.guest_hook_path, "x");
  EXPECT_EQ(read->config.cgroup_parent, "x");
  EXPECT_EQ(read->config.assets.kernel, "x");
  EXPECT_EQ(read->host_cgroup, "/shoji/pod");
  EXPECT_EQ(read->boot_vcpus, 4U);
  EXPECT_EQ(read->boot_memory_bytes, 5U);
  EXPECT_EQ(read->boot_devices, record.boot_devices);
  EXPECT_EQ(read->containers[0].config.hooks.prestart.size(), 1U);
  EXPECT_EQ(read->containers[0].config.rootfs.storage, "x");
  EXPECT_EQ(read->containers[0].config.resources.pids_limit, 1);
  EXPECT_EQ(read->containers[0].config.devices.size(), 1U);
  EXPECT_EQ(FormatRecord(*read), FormatRecord(record));
}

TEST(RecordTest, OlderRecordsHaveNothingAttached) {
  const json text = json::parse(FormatRecord(Minimal()));
  for (const char* later : {"devices", "storages", "interfaces", "network", "base_vcpus",
                            "boot_vcpus", "host_cgroup"}) {
    EXPECT_FALSE(text.contains(later)) << later;
  }
  for (const char* later :
       {"share", "shared_pid_namespace", "guest_hook_path", "cgroup_parent", "assets", "network"}) {
    EXPECT_FALSE(text["config"].contains(later)) << later;
  }
  const auto read = ParseRecord(text.dump());
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(read->config.share);
  EXPECT_EQ(read->config.network.queues, 1U);
  EXPECT_EQ(read->base_vcpus, 0U);
}

TEST(RecordTest, KeepsWhatItDoesNotKnowOfAttached) {
  json text = json::parse(FormatRecord(Attached()));
  for (const char* list : {"devices", "storages", "interfaces"}) {
    text[list][0]["later"] = {{"a", 1}};
    text[list][0]["info"]["later"] = "x";
    text[list][0]["info"]["limits"]["later"] = 7;
  }
  text["config"]["network"]["later"] = true;
  auto record = ParseRecord(text.dump());
  ASSERT_TRUE(record.ok()) << record.status().message();
  EXPECT_EQ(json::parse(FormatRecord(*record)), text);
  record->devices.clear();
  EXPECT_EQ(FormatRecord(*record).find("\"devices\":[{\"address"), std::string::npos);
}

TEST(RecordTest, DamagedAttachmentsAreDamage) {
  const json good = json::parse(FormatRecord(Attached()));
  for (const char* list : {"devices", "storages", "interfaces"}) {
    for (const json& bad : {json(7), json("x"), json(nullptr), json{1}, json{json::object()},
                            json{{{"info", {{"id", "a"}, {"kind", "what"}}}}}}) {
      json text = good;
      text[list] = bad;
      EXPECT_EQ(CodeOf(text.dump()), StatusCode::kDataLoss) << list << bad.dump();
    }
  }
}

TEST(RecordTest, KeepsWhatItDoesNotKnow) {
  json text = json::parse(FormatRecord(Minimal()));
  text["later"] = {{"list", {1, 2}},
                   {"odd", std::string("\0"
                                       "ff",
                                       3)}};
  text["config"]["later"] = nullptr;
  text["containers"][0]["later"] = "x";
  text["containers"][0]["config"]["cmd"]["later"] = true;
  text["config"]["annotations"]["known"] = "value";  // a map: nothing in it is unknown
  auto record = ParseRecord(text.dump());
  ASSERT_TRUE(record.ok()) << record.status().message();
  EXPECT_EQ(json::parse(FormatRecord(*record)), text);
  // A change of ours does not lose it, nor does it bring back what we removed.
  record->state = State::kStopped;
  record->config.annotations.clear();
  text["state"] = "stopped";
  text["config"]["annotations"] = json::object();
  EXPECT_EQ(json::parse(FormatRecord(*record)), text);
}

TEST(RecordTest, RefusesDamage) {
  const std::string good = FormatRecord(Minimal());
  ASSERT_TRUE(ParseRecord(good).ok());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(CodeOf(good.substr(0, size)), StatusCode::kDataLoss) << size;
  }
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, json>>{
           {"schema", 1.5},
           {"schema", "2"},
           {"schema", 0},
           {"schema", -1},
           {"schema", nullptr},
           {"state", "odd"},
           {"id", 7},
           {"containers", json::object({{"a", json::object()}})},
           {"containers", {1}},
           {"config", "x"},
           {"vm_state_hex", "abc"},
           {"hypervisor", std::string("\0zz", 3)}}) {
    json text = json::parse(good);
    text[name] = value;
    EXPECT_EQ(CodeOf(text.dump()), StatusCode::kDataLoss) << name << " " << value;
  }
  EXPECT_EQ(CodeOf("\xff\xfe"), StatusCode::kDataLoss);
  EXPECT_EQ(CodeOf("[1]"), StatusCode::kDataLoss);
  EXPECT_EQ(CodeOf(R"({"schema":2,"id":"a)" + std::string(1, '\0')), StatusCode::kDataLoss);
}

TEST(RecordTest, DeepNestingDoesNotOverrunTheStack) {
  const std::size_t depth = 1'000'000;
  for (const char* piece : {"[", "{\"a\":"}) {
    std::string text = R"({"schema":2,"later":)";
    for (std::size_t i = 0; i < depth; ++i) text += piece;
    EXPECT_EQ(CodeOf(text), StatusCode::kDataLoss);
  }
  EXPECT_TRUE(
      CheckDepth(R"({"a":"[[[[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["})").ok());
}

}  // namespace
}  // namespace shoji

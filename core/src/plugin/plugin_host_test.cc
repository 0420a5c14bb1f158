#include "plugin/plugin_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "config/config.h"
#include "plugin/current_plugin.h"
#include "shoji/base/file.h"

namespace shoji {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PluginHostTest : public testing::Test {
 protected:
  void SetUp() override { Start({}); }

  void Start(const std::vector<std::pair<std::string, std::string>>& overrides) {
    host_.reset();
    PluginScan scan = PluginScan::Run({{SHOJI_TEST_PLUGIN_DIR}, {}});
    std::vector<OptionSpec> specs = CoreOptions();
    scan.AppendOptions(&specs);
    Config::Sources sources;
    sources.use_environment = false;
    sources.overrides = overrides;
    Result<Config> config = Config::Load(specs, sources);
    ASSERT_TRUE(config.ok()) << config.status().message();
    config_ = std::move(config).value();
    PluginHost::Options options;
    options.scan = std::move(scan);
    options.config = &config_;
    options.open_timeout = open_timeout_;
    options.services.run_dir = "/run/test";
    options.services.log = [this](LogLevel, const std::string& line) { lines_.push_back(line); };
    options.services.on_span = [this](const Span& span) { spans_.push_back(span.name); };
    auto host = PluginHost::Create(std::move(options));
    ASSERT_TRUE(host.ok());
    host_ = std::move(host).value();
  }
  // Why store `id` cannot be opened.
  Status Error(const std::string& id) { return host_->OpenStore(id).status(); }
  std::unique_ptr<Store> Good() {
    auto store = host_->OpenStore("good");
    EXPECT_TRUE(store.ok()) << store.status().message();
    return std::move(store).value();
  }

  const PluginInfo InfoOf(const std::string& id) {
    for (const PluginInfo& info : host_->List()) {
      if (info.id == id) return info;
    }
    return {};
  }

  std::chrono::nanoseconds open_timeout_ = std::chrono::seconds(60);
  Config config_;
  std::vector<std::string> lines_;
  std::vector<std::string> spans_;
  std::unique_ptr<PluginHost> host_;
};

bool IsMapped(const std::string& name) {
  std::ifstream maps("/proc/self/maps");
  const std::string text{std::istreambuf_iterator<char>(maps), {}};
  return text.find(name) != std::string::npos;
}

TEST_F(PluginHostTest, NothingIsLoadedBeforeItIsOpened) {
  EXPECT_FALSE(host_->List().empty());
  EXPECT_FALSE(IsMapped("/needy.so"));
  EXPECT_EQ(Error("needy").message(),
            "option store.needy.token is required and not set; add it to the configuration");
  EXPECT_FALSE(IsMapped("/needy.so"));
  Start({{"store.needy.token", "x"}});
  EXPECT_TRUE(host_->OpenStore("needy").ok());
  EXPECT_TRUE(IsMapped("/needy.so"));
}

TEST_F(PluginHostTest, SavesAndLoads) {
  auto store = Good();
  EXPECT_TRUE(store->Save({}, "a/b", "value").ok());
  EXPECT_EQ(store->Load({}, "a/b").value(), "value");
  EXPECT_EQ(store->Load({}, "none").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store->Save({}, "a//b", "").code(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(store->can_scan());
  EXPECT_EQ(store->Scan({}, "").status().code(), StatusCode::kUnimplemented);
  EXPECT_FALSE(store->has_transactions());
  EXPECT_TRUE(store->Apply({}, {{false, "x", "1"}, {true, "y", ""}}).ok());
  EXPECT_EQ(store->Load({}, "x").value(), "1");
}

TEST_F(PluginHostTest, OptionsArriveCanonical) {
  EXPECT_EQ(Good()->Load({}, "option/size").value(), "1024");
  Start({{"store.good.size", "2M"}});
  EXPECT_EQ(Good()->Load({}, "option/size").value(), "2097152");
}

TEST_F(PluginHostTest, ErrorsComeThroughWhole) {
  auto store = Good();
  const Status status = store->Save({}, "fail/detail", "");
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "first line\\x0asecond");
  EXPECT_EQ(status.detail("reason"), "skip");
  EXPECT_EQ(status.sys_errno(), 2);
  EXPECT_EQ(store->Save({}, "fail/mute", "").message(),
            "plugin store good: call save failed with NOT_FOUND and no message");
  EXPECT_EQ(store->Save({}, "fail/code", "").message(),
            "plugin store good: call save failed with the unknown code 99: odd");
  EXPECT_THAT(store->Save({}, "fail/throw", "").message(), HasSubstr("thrown"));
}

TEST_F(PluginHostTest, HostServices) {
  auto store = Good();
  EXPECT_EQ(store->Load({}, "host/run_dir").value(), "/run/test");
  EXPECT_EQ(store->Load({}, "host/find_self").value(), "same");
  EXPECT_EQ(store->Load({}, "host/spawn").value(), "/run/test/sandboxes/box");
  ASSERT_TRUE(store->Save({}, "host/log", "two\nlines").ok());
  EXPECT_THAT(lines_, ElementsAre("store good: two lines"));
  ASSERT_TRUE(store->Save({}, "host/span", "vm.process").ok());
  EXPECT_THAT(spans_, ElementsAre("vm.process"));
}

TEST_F(PluginHostTest, BadPluginsFailWithOneClearLine) {
  EXPECT_THAT(Error("throws").message(), HasSubstr("an exception left shoji_plugin_open_v1"));
  EXPECT_EQ(Error("fails").message(), "cannot open plugin store fails: no licence on this machine");
  EXPECT_EQ(Error("fails").code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Error("mute").message(), HasSubstr("failed with UNAVAILABLE and no message"));
  EXPECT_THAT(Error("nonsense").message(), HasSubstr("failed with the unknown code -12345"));
  EXPECT_THAT(Error("empty").message(), HasSubstr("gave no get_interface"));
  EXPECT_EQ(Error("liar").message(),
            "plugin store liar does not offer shoji.store/1 although its note announces it");
  EXPECT_THAT(Error("undefined").message(), HasSubstr("undefined symbol: nobody_defines_this"));
  EXPECT_THAT(Error("undefined").message(), HasSubstr("/bad-undefined.so"));
  EXPECT_THAT(Error("abi").message(), HasSubstr("/bad-abi.so is refused: needs plugin ABI 7 to 9"));
  EXPECT_EQ(Error("abi").code(), StatusCode::kFailedPrecondition);
  for (const char* id : {"throws", "fails", "undefined", "abi"}) {
    EXPECT_EQ(Error(id).message().find('\n'), std::string::npos);
  }
}

TEST_F(PluginHostTest, WhatCanBeSurvivedIsSurvived) {
  EXPECT_EQ(Error("ends-thread").message(),
            "plugin store ends-thread ended the thread that opened it");
  EXPECT_EQ(Error("find").message(), "plugin store find: an exception left get_interface");
  EXPECT_EQ(Error("table-size").message(),
            "plugin store table-size: the table of shoji.store/1 has struct_size 3, which is no "
            "size");
  // It wrote into our struct; we know its size.
  EXPECT_THAT(Error("plugin-size").message(), HasSubstr("although its note announces it"));
  EXPECT_THAT(Error("draft").message(), HasSubstr("uses the draft shoji.store.thing/1 of version "
                                                  "0.0.1"));
  EXPECT_EQ(Good()->Load({}, "none").status().code(), StatusCode::kNotFound);
  // The same answer each time; the plugin is not tried again.
  EXPECT_EQ(Error("find").message(), "plugin store find: an exception left get_interface");
}

TEST_F(PluginHostTest, APluginThatHangsIsGivenUp) {
  open_timeout_ = std::chrono::milliseconds(50);
  Start({});
  const Status status = Error("hangs");
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("plugin store hangs (" SHOJI_TEST_PLUGIN_DIR
                                          "/bad-hangs.so) did not open within 50 ms"));
  EXPECT_TRUE(SomePluginWasGivenUp());
  EXPECT_EQ(InfoOf("hangs").status, "refused");
  EXPECT_EQ(Error("hangs").code(), StatusCode::kDeadlineExceeded) << "and not tried again";
  host_.reset();  // returns although its thread is still there
}

TEST_F(PluginHostTest, APluginThatAsksForOneThatHangsIsNotBlamed) {
  open_timeout_ = std::chrono::seconds(1);
  Start({});
  const Status status = Error("finds-hangs");
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("plugin store hangs ("));
}

// It comes back when nobody waits any more: it is shut down, and the host that is gone is
// not called.
TEST_F(PluginHostTest, APluginThatOpensTooLateIsShutDownAgain) {
  char path[] = "/tmp/test-late-XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  const std::string go = std::string(path) + "/go";
  const std::string done = std::string(path) + "/done";
  ASSERT_EQ(mkfifo(go.c_str(), 0600), 0);
  ASSERT_EQ(mkfifo(done.c_str(), 0600), 0);
  setenv("BAD_LATE_GO", go.c_str(), 1);
  setenv("BAD_LATE_DONE", done.c_str(), 1);
  open_timeout_ = std::chrono::milliseconds(50);
  Start({});
  EXPECT_EQ(Error("late").code(), StatusCode::kDeadlineExceeded);
  host_.reset();
  EXPECT_TRUE(WriteFile(go, "").ok());  // returns when it goes on
  EXPECT_TRUE(ReadFile(done).ok());     // returns when it is shut down
  EXPECT_THAT(lines_, testing::IsEmpty());
  unsetenv("BAD_LATE_GO");
  unsetenv("BAD_LATE_DONE");
  EXPECT_TRUE(RemoveTree(path).ok());
}

TEST_F(PluginHostTest, PluginsMayAskForOthersButNotInACircle) {
  EXPECT_TRUE(host_->OpenStore("good").ok());
  EXPECT_THAT(Error("finds-good").message(), HasSubstr("does not offer the call open"));
  EXPECT_EQ(InfoOf("finds-good").status, "ok");
  EXPECT_THAT(Error("circle-a").message(),
              HasSubstr("plugin store circle-a is asked for while it is being opened itself"));
}

TEST_F(PluginHostTest, ConstructorsRunWhenAPluginIsOpenedAndNotBefore) {
  char path[] = "/tmp/test-lazy-XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  const std::string file = std::string(path) + "/loaded";
  setenv("BAD_CONSTRUCTOR", file.c_str(), 1);
  Start({});
  EXPECT_EQ(InfoOf("constructor").status, "ok");
  EXPECT_EQ(PluginScan::CheckFile(SHOJI_TEST_PLUGIN_DIR "/bad-constructor.so", {}).info.reason, "");
  (void)Good();
  EXPECT_FALSE(PathExists(file));
  (void)Error("constructor");
  EXPECT_TRUE(PathExists(file));
  unsetenv("BAD_CONSTRUCTOR");
  EXPECT_TRUE(RemoveTree(path).ok());
}

TEST_F(PluginHostTest, MetricsArriveUnderTheNameOfThePlugin) {
  EXPECT_THAT(host_->Metrics(), testing::IsEmpty());
  ASSERT_TRUE(Good()->Save({}, "host/metrics", "").ok());
  const std::vector<Metric> metrics = host_->Metrics();
  ASSERT_EQ(metrics.size(), 4U);
  EXPECT_EQ(metrics[0].kind + "/" + metrics[0].id + "/" + metrics[0].name, "store/good/open");
  EXPECT_EQ(metrics[0].gauge, -7);
  EXPECT_EQ(metrics[1].name, "save_ns");
  EXPECT_EQ(metrics[1].buckets.at(10), 1U);
  EXPECT_EQ(metrics[2].count, 5U);
  EXPECT_EQ(metrics[3].name, "metrics_dropped");
  EXPECT_EQ(metrics[3].count, 1U);
}

TEST_F(PluginHostTest, SecretsAreReadForThePlugin) {
  setenv("TEST_SECRET_REFERENCE", "env:TEST_SECRET_VALUE", 1);
  setenv("TEST_SECRET_VALUE", "hunter2", 1);
  EXPECT_EQ(Good()->Load({}, "secret/TEST_SECRET_REFERENCE").value(), "hunter2");
  unsetenv("TEST_SECRET_VALUE");
  EXPECT_EQ(Good()->Load({}, "secret/TEST_SECRET_REFERENCE").status().code(),
            StatusCode::kNotFound);
  unsetenv("TEST_SECRET_REFERENCE");
}

TEST_F(PluginHostTest, OptionsAreListedWithOriginAndWithoutSecrets) {
  Start({{"store.good.size", "2M"}, {"store.good.token", "hunter2"}});
  const PluginInfo info = InfoOf("good");
  EXPECT_THAT(info.trust, testing::StartsWith("owner: "));
  EXPECT_EQ(info.abi_max, 2U);
  ASSERT_EQ(info.options.size(), 2U);
  EXPECT_EQ(info.options[0].name, "store.good.size");
  EXPECT_EQ(info.options[0].type, "size");
  EXPECT_EQ(info.options[0].default_value, "1K");
  EXPECT_EQ(info.options[0].value, "2097152");
  EXPECT_EQ(info.options[0].origin, "command line");
  EXPECT_TRUE(info.options[1].secret);
  EXPECT_EQ(info.options[1].value + info.options[1].default_value, "");
}

TEST_F(PluginHostTest, AFailureIsListed) {
  (void)Error("fails");
  for (const PluginInfo& info : host_->List()) {
    if (info.id != "fails") continue;
    EXPECT_EQ(info.status, "refused");
    EXPECT_THAT(info.reason, HasSubstr("no licence"));
  }
}

TEST_F(PluginHostTest, UnknownPluginsAreAnsweredWithThoseThereAre) {
  const Status status = Error("nosuch");
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("there is no store plugin \"nosuch\"; there are: "));
  EXPECT_THAT(status.message(), HasSubstr("good"));
  EXPECT_THAT(host_->OpenHypervisor("").status().message(),
              HasSubstr("there is no hypervisor plugin \"qemu\"; there is none of that kind"));
}

TEST_F(PluginHostTest, AnEmptyIdMeansTheConfiguredOne) {
  EXPECT_THAT(Error("").message(), HasSubstr("\"filesystem\""));
  Start({{"sandbox.store", "good"}});
  EXPECT_TRUE(host_->OpenStore("").ok());
}

TEST_F(PluginHostTest, ManyThreadsOpenOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([this] {
      auto store = host_->OpenStore("good");
      ASSERT_TRUE(store.ok());
      EXPECT_TRUE((*store)->Save({}, "k", "v").ok());
      EXPECT_FALSE(host_->OpenStore("fails").ok());
      EXPECT_FALSE(host_->List().empty());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Descriptor numbers are used again; one plugin must never be taken for another.
TEST_F(PluginHostTest, HostsInARowGetTheRightPlugins) {
  for (int i = 0; i < 5; ++i) {
    Start({{"store.needy.token", "x"}, {"store.good.size", "3"}, {"store.needy.size", "4"}});
    auto needy = host_->OpenStore("needy");
    ASSERT_TRUE(needy.ok());
    EXPECT_EQ((*needy)->Load({}, "option/size").value(), "4");
    EXPECT_EQ(Good()->Load({}, "option/size").value(), "3");
  }
}

}  // namespace
}  // namespace shoji

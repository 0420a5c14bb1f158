// What the SDK makes of options, services of the host, and exceptions.
#include <gtest/gtest.h>

#include <stdexcept>

#include "shoji/sdk/other_plugin.h"
#include "shoji/sdk/plugin.h"
#include "shoji/sdk/store.h"
#include "shoji/sdk/testing/fake_host.h"
#include "shoji/sdk/wait.h"

namespace shoji::sdk {
namespace {

using testing::FakeCall;
using testing::FakeError;
using testing::FakeHost;
using testing::FakeOptions;

TEST(OptionMap, NumbersAndTheirErrors) {
  const FakeOptions given({{"good", "42"},
                           {"big", "18446744073709551615"},
                           {"more", "18446744073709551616"},
                           {"tail", "12x"},
                           {"minus", "-7"},
                           {"empty", ""}});
  const OptionMap options(given.raw());
  EXPECT_EQ(*options.GetNumber("good"), 42U);
  EXPECT_EQ(*options.GetNumber("big"), UINT64_MAX);
  EXPECT_EQ(*options.GetNumber("empty"), 0U);
  EXPECT_EQ(*options.GetNumber("not declared"), 0U);
  EXPECT_EQ(*options.GetInt("minus"), -7);
  for (const char* bad : {"more", "tail", "minus"}) {
    const Status status = options.GetNumber(bad).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << bad;
    EXPECT_NE(status.message().find("option \"" + std::string(bad) + "\""), std::string::npos)
        << status.message();
  }
}

TEST(OptionMap, Lists) {
  const FakeOptions given({{"list", "a\nb\n\nc"}, {"one", "x"}, {"none", ""}});
  const OptionMap options(given.raw());
  EXPECT_EQ(options.GetList("list"), (std::vector<std::string>{"a", "b", "", "c"}));
  EXPECT_EQ(options.GetList("one"), std::vector<std::string>{"x"});
  EXPECT_TRUE(options.GetList("none").empty());
  EXPECT_TRUE(OptionMap(nullptr).GetList("list").empty());
}

TEST(Secret, IsReadByTheHost) {
  FakeHost fake;
  fake.SetSecret("file:/etc/password", "s3cret");
  const Host host(fake.raw());
  EXPECT_EQ(*host.Secret("file:/etc/password"), "s3cret");
  EXPECT_EQ(*host.Secret("text:file:x"), "file:x");
  const Status status = host.Secret("env:NOT_THERE").status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_NE(status.message().find("env:NOT_THERE"), std::string::npos);
  EXPECT_EQ(fake.secrets_read().size(), 3U);
}

TEST(Secret, WithoutTheServiceThereIsTextOnly) {
  FakeHost fake;
  fake.RemoveService(SHOJI_SECRETS_V1);
  const Host host(fake.raw());
  EXPECT_EQ(*host.Secret("text:abc"), "abc");
  EXPECT_EQ(*host.Secret("plain"), "plain");
  for (const char* reference : {"file:/etc/password", "env:PASSWORD"}) {
    const Status status = host.Secret(reference).status();
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
    EXPECT_NE(status.message().find(reference), std::string::npos);
  }
}

std::int32_t RefuseSecret(const shoji_host*, shoji_str, const shoji_sink*, shoji_error*) {
  return SHOJI_INVALID_ARGUMENT;
}

TEST(Secret, IsNeverInAMessage) {
  const shoji_secrets_v1 refusing{sizeof refusing, 0, RefuseSecret};
  FakeHost fake;
  fake.AddService(SHOJI_SECRETS_V1, &refusing);
  const Status status = Host(fake.raw()).Secret("text:hunter2").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message().find("hunter2"), std::string::npos) << status.message();
}

TEST(Metrics, AreCountedWhereTheHostCounts) {
  FakeHost fake;
  const Host host(fake.raw());
  host.Count("saves");
  host.Count("saves", 2);
  host.Gauge("open", -1);
  host.Observe("save_ns", 500);
  EXPECT_EQ(fake.counters().at("saves"), 3U);
  EXPECT_EQ(fake.gauges().at("open"), -1);
  EXPECT_EQ(fake.observations().size(), 1U);
  fake.RemoveService(SHOJI_METRICS_V1);
  host.Count("saves");
  host.Gauge("open", 1);
  host.Observe("save_ns", 1);
  EXPECT_EQ(fake.counters().at("saves"), 3U);
}

TEST(Dirs, ExistAndGo) {
  std::string run;
  {
    FakeHost fake;
    const Host host(fake.raw());
    run = *host.Dir(SHOJI_DIR_RUN);
    EXPECT_TRUE(std::filesystem::is_directory(run));
    fake.SetDir(SHOJI_DIR_CACHE, "/elsewhere");
    EXPECT_EQ(*host.Dir(SHOJI_DIR_CACHE), "/elsewhere");
    EXPECT_EQ(host.Dir(17).status().code(), StatusCode::kInvalidArgument);
    fake.RemoveService(SHOJI_DIRS_V1);
    EXPECT_EQ(host.Dir(SHOJI_DIR_RUN).status().code(), StatusCode::kFailedPrecondition);
  }
  EXPECT_FALSE(std::filesystem::exists(run));
}

TEST(Guard, KeepsExceptionsIn) {
  const FakeHost fake;
  const Host host(fake.raw());
  FakeError error;
  EXPECT_EQ(
      host.Guard(error.raw(), []() -> Status { throw std::runtime_error("line one\nline two"); }),
      SHOJI_INTERNAL);
  EXPECT_EQ(error.message, "exception in the plugin: line one line two");
  EXPECT_EQ(host.Guard(error.raw(), []() -> Status { throw std::bad_alloc(); }),
            SHOJI_RESOURCE_EXHAUSTED);
  EXPECT_EQ(error.message, "out of memory in the plugin");
  EXPECT_EQ(host.Guard(error.raw(), []() -> Status { throw 7; }), SHOJI_INTERNAL);
  EXPECT_NE(error.message, "");
}

TEST(Guard, LeavesAloneWhatAnotherPluginSaid) {
  const FakeHost fake;
  const Host host(fake.raw());
  FakeError error;
  error.message = "the disk is full";
  EXPECT_EQ(host.Guard(error.raw(), [] { return Told(SHOJI_RESOURCE_EXHAUSTED); }),
            SHOJI_RESOURCE_EXHAUSTED);
  EXPECT_EQ(error.message, "the disk is full");
}

TEST(FindPlugin, FindsAndTellsWhyNot) {
  FakeHost fake;
  const Host host(fake.raw());
  const shoji_store_v1 table{};
  fake.AddPlugin("store", "kv", SHOJI_STORE_V1, &table, &fake);
  FakeError error;
  const auto found =
      FindPlugin<shoji_store_v1>(host, "store", ToStr("kv"), SHOJI_STORE_V1, error.raw());
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->table, &table);
  EXPECT_EQ(found->plugin, &fake);
  const auto none =
      FindPlugin<shoji_store_v1>(host, "store", ToStr("x"), SHOJI_STORE_V1, error.raw());
  EXPECT_EQ(host.Fail(error.raw(), none.status()), SHOJI_NOT_FOUND);
  EXPECT_NE(error.message.find("no store plugin \"x\""), std::string::npos);
  EXPECT_EQ(ToldText(host, error.raw()), error.message);
  EXPECT_EQ(ToldText(host, nullptr), "");
  fake.RemoveService(SHOJI_PLUGINS_V1);
  EXPECT_EQ(ToldText(host, error.raw()), "") << "an older host cannot tell";
}

TEST(Wait, KeepsDeadlineAndCancellation) {
  EXPECT_TRUE(CheckCall(nullptr, "work").ok());
  const FakeCall brief{std::chrono::milliseconds(1)};
  EXPECT_EQ(WaitUntilReady(brief.raw(), -1, 0, "never").code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(CheckCall(brief.raw(), "work").code(), StatusCode::kDeadlineExceeded);
  const FakeCall cancelled;
  EXPECT_TRUE(CheckCall(cancelled.raw(), "work").ok());
  cancelled.Cancel();
  EXPECT_EQ(WaitUntilReady(cancelled.raw(), -1, 0, "never").code(), StatusCode::kCancelled);
  EXPECT_EQ(CheckCall(cancelled.raw(), "work").code(), StatusCode::kCancelled);
}

// The least a store can be: no scan, no txn, and an Open() that gives nothing.
struct Broken {
  static Result<std::unique_ptr<Broken>> Open(const Host&, const OptionMap&) {
    return std::unique_ptr<Broken>();
  }
  Status Save(const shoji_call*, std::string_view, std::string_view) { return OkStatus(); }
  Result<std::string> Load(const shoji_call*, std::string_view) { return std::string(); }
  Status Remove(const shoji_call*, std::string_view) { return OkStatus(); }
};

TEST(StoreTable, AnOpenThatGivesNothingIsAnError) {
  const FakeHost fake;
  Interfaces interfaces(fake.raw());
  FakeError error;
  shoji_store* store = nullptr;
  EXPECT_EQ(StoreTable<Broken>()->open(&interfaces, nullptr, &store, error.raw()), SHOJI_INTERNAL);
  EXPECT_EQ(store, nullptr);
  EXPECT_EQ(StoreTable<Broken>()->get_extension(nullptr, SHOJI_STORE_SCAN_V1), nullptr);
}

}  // namespace
}  // namespace shoji::sdk

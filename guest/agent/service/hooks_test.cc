// Guest hooks as real programs.

#include "service/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "testing/files.h"

namespace shoji::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::RunUntil;

class Hooks : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = Loop::Create();
    ASSERT_TRUE(loop.ok());
    loop_ = std::move(*loop);
    auto reaper = Reaper::Create(loop_.get(), [] {});
    ASSERT_TRUE(reaper.ok());
    reaper_ = std::move(*reaper);
  }
  void Hook(const std::string& name, const std::string& script) {
    dir_.Write("hooks/" + name, "#!/bin/sh\n" + script + "\n", 0755);
  }
  Status Run(const std::vector<std::string>& hooks, bool all,
             std::chrono::nanoseconds limit = std::chrono::seconds(20)) {
    HookRunner runner(loop_.get(), reaper_.get(), limit);
    std::optional<Status> told;
    const auto done = [&](const Status& status) { told = status; };
    all ? runner.RunAll(hooks, "the state", done) : runner.Run(hooks, "the state", done);
    if (!told) RunUntil(loop_.get(), [&] { return told.has_value(); });
    return *told;
  }

  testing::TempDir dir_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Reaper> reaper_;
};

TEST_F(Hooks, AreFoundByName) {
  Hook("prestart/20-b", "");
  Hook("prestart/10-a", "");
  dir_.Write("hooks/prestart/README", "not executable");
  dir_.MakeDir("hooks/prestart/directory");
  Hook("poststop/z", "");
  const auto hooks = FindGuestHooks(dir_ / "hooks");
  ASSERT_TRUE(hooks.ok());
  EXPECT_THAT(hooks->prestart,
              ElementsAre(dir_ / "hooks/prestart/10-a", dir_ / "hooks/prestart/20-b"));
  EXPECT_TRUE(hooks->poststart.empty());
  EXPECT_EQ(hooks->poststop.size(), 1U);
  EXPECT_TRUE(FindGuestHooks("/no/such/dir")->prestart.empty());
  EXPECT_TRUE(FindGuestHooks("")->prestart.empty());
  EXPECT_EQ(FindGuestHooks("hooks").status().code(), StatusCode::kInvalidArgument);
}

TEST_F(Hooks, GetTheStateAndTheirNames) {
  Hook("prestart/one", "echo \"$0 $1 $(cat)\" | sed 's/.*one/one/' > " + (dir_ / "out"));
  Hook("prestart/two", "echo two >> " + (dir_ / "out"));
  const Status status = Run({dir_ / "hooks/prestart/one", dir_ / "hooks/prestart/two"}, false);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(dir_.Read("out"), "one prestart the state\ntwo\n");
}

TEST_F(Hooks, AFailureEndsTheRowOrIsPassedOver) {
  Hook("prestart/bad", "echo I cannot >&2; exit 3");
  Hook("prestart/good", "echo ran > " + (dir_ / "out"));
  const std::vector<std::string> both = {dir_ / "hooks/prestart/bad", dir_ / "hooks/prestart/good"};
  const Status status = Run(both, false);
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("hooks/prestart/bad: it ended with 3: I cannot"));
  EXPECT_FALSE(PathExists(dir_ / "out"));
  EXPECT_TRUE(Run(both, true).ok());
  EXPECT_EQ(dir_.Read("out"), "ran\n");
}

TEST_F(Hooks, ThatDoNotEndAreKilled) {
  Hook("prestart/slow", "sleep 1000");
  const Status status = Run({dir_ / "hooks/prestart/slow"}, false, std::chrono::milliseconds(50));
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
}

TEST_F(Hooks, ThatCannotRunAreNamed) {
  dir_.Write("hooks/prestart/broken", "#!/no/such/interpreter\n", 0755);
  const Status status = Run({dir_ / "hooks/prestart/broken"}, false);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("hooks/prestart/broken"));
}

TEST_F(Hooks, StateIsJson) {
  grpc::Spec spec;
  spec.set_version("1.0.2");
  spec.mutable_root()->set_path("/b/c/rootfs");
  (*spec.mutable_annotations())["k\"\n"] = "v\\";
  EXPECT_EQ(StateJson("id", "created", 7, spec),
            R"({"ociVersion":"1.0.2","id":"id","status":"created","pid":7,"bundle":"/b/c",)"
            R"("annotations":{"k\"\u000a":"v\\"}})");
  EXPECT_THAT(StateJson("id", "stopped", 0, {}), ::testing::Not(HasSubstr("pid")));
}

}  // namespace
}  // namespace shoji::agent

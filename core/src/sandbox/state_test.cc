#include "sandbox/state.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "request/validate.h"

namespace shoji {
namespace {

constexpr State kAll[] = {State::kReady, State::kRunning, State::kPaused, State::kStopped};

TEST(State, OnlyTheAllowedMoves) {
  const std::set<std::pair<State, State>> allowed = {
      {State::kReady, State::kRunning},   {State::kReady, State::kStopped},
      {State::kRunning, State::kPaused},  {State::kRunning, State::kStopped},
      {State::kPaused, State::kRunning},  {State::kPaused, State::kStopped},
      {State::kStopped, State::kRunning},
  };
  for (const State from : kAll) {
    for (const State to : kAll) {
      State state = from;
      const Status moved = Move(state, to, "sandbox \"a\"");
      const bool may = allowed.count({from, to}) > 0;
      EXPECT_EQ(moved.ok(), may);
      EXPECT_EQ(MayMove(from, to), may);
      EXPECT_EQ(state, may ? to : from);
      if (may) continue;
      EXPECT_EQ(moved.code(), StatusCode::kFailedPrecondition);
      EXPECT_EQ(moved.message(), "sandbox \"a\" cannot move from " + std::string(StateName(from)) +
                                     " to " + std::string(StateName(to)));
    }
  }
}

TEST(State, NamesComeBack) {
  for (const State state : kAll) EXPECT_EQ(*ParseState(StateName(state)), state);
  for (const char* bad : {"", "Ready", "created"}) {
    EXPECT_EQ(ParseState(bad).status().code(), StatusCode::kInvalidArgument);
  }
}

TEST(Validate, Ids) {
  EXPECT_TRUE(ValidateId("sandbox", "a-b_c.1").ok());
  EXPECT_TRUE(ValidateId("sandbox", std::string(64, 'x')).ok());
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a b"),
        std::string(65, 'x'), std::string("a\0b", 3), std::string("\xc3\xa4")}) {
    EXPECT_EQ(ValidateId("sandbox", bad).code(), StatusCode::kInvalidArgument) << bad;
  }
}

SandboxConfig Good() {
  SandboxConfig config;
  config.id = "pod";
  config.containers.resize(1);
  config.containers[0].id = "web";
  config.containers[0].rootfs.source = "/srv";
  config.containers[0].cmd.args = {"sh"};
  return config;
}

TEST(Validate, EachBadFieldIsNamed) {
  EXPECT_TRUE(ValidateSandbox(Good()).ok());
  const auto message = [](auto&& spoil) {
    SandboxConfig config = Good();
    spoil(config);
    const Status status = ValidateSandbox(config);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.message();
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(message([](auto& c) { c.hostname = "a b"; }), "host name \"a b\""));
  EXPECT_TRUE(has(message([](auto& c) { c.hostname.assign(64, 'a'); }), "63 characters"));
  EXPECT_TRUE(has(message([](auto& c) { c.shm_size = 1; }), "shm size 1"));
  EXPECT_TRUE(has(message([](auto& c) { c.containers.push_back(c.containers[0]); }), "twice"));
  EXPECT_TRUE(has(message([](auto& c) { c.containers[0].cmd.args.clear(); }), "command"));
  EXPECT_TRUE(has(message([](auto& c) { c.containers[0].cmd.envs = {"A"}; }), "\"A\""));
  EXPECT_TRUE(has(message([](auto& c) { c.containers[0].cmd.work_dir = "x"; }), "\"x\""));
  EXPECT_TRUE(has(message([](auto& c) { c.containers[0].rootfs.source = "x"; }), "rootfs \"x\""));
  EXPECT_TRUE(has(message([](auto& c) { c.containers[0].bundle = "x"; }), "bundle \"x\""));
  EXPECT_TRUE(has(message([](auto& c) {
                    c.containers[0].mounts = {{"/a", "b", "bind", {}}};
                  }),
                  "destination \"b\""));
  EXPECT_TRUE(has(message([](auto& c) {
                    c.containers[0].mounts = {{"a", "/b", "bind", {}}};
                  }),
                  "source \"a\""));
}

}  // namespace
}  // namespace shoji

#include "state.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shoji/spawn/spawn.h"

namespace shoji::qemu {
namespace {

SavedVm SomeVm() { return {"box", "1-2-3", "/run/x \"y\"", {42, 4711, "boot"}, {}, {}}; }

TEST(StateTest, RoundTrip) {
  const auto vm = DecodeState(EncodeState(SomeVm()));
  ASSERT_TRUE(vm.ok()) << vm.status().message();
  EXPECT_EQ(vm->id, "box");
  EXPECT_EQ(vm->uuid, "1-2-3");
  EXPECT_EQ(vm->run_dir, "/run/x \"y\"");
  EXPECT_EQ(vm->process.pid, 42);
  EXPECT_EQ(vm->process.start_time, 4711U);
  EXPECT_EQ(vm->process.boot_id, "boot");
}

TEST(StateTest, LaterPartsGoRoundAndMayBeMissing) {
  SavedVm vm = SomeVm();
  EXPECT_TRUE(DecodeState(EncodeState(vm))->helpers.empty());
  vm.recipe = "{\"a\":1}";
  vm.helpers = {{43, 4712, "boot"}};
  const auto again = DecodeState(EncodeState(vm));
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_EQ(again->recipe, vm.recipe);
  ASSERT_EQ(again->helpers.size(), 1U);
  EXPECT_EQ(again->helpers[0].pid, 43);
  const std::string old = R"({"version":1,"id":"a","uuid":"u","run_dir":"/r","pid":1,)"
                          R"("start_time":2,"boot_id":"b")";
  EXPECT_TRUE(DecodeState(old + "}").ok());
  for (const char* bad : {",\"recipe\":1}", ",\"helpers\":1}", ",\"helpers\":[1]}"}) {
    EXPECT_EQ(DecodeState(old + bad).status().code(), StatusCode::kDataLoss) << bad;
  }
}

TEST(StateTest, WhatIsNotOursIsDataLoss) {
  const std::string good = EncodeState(SomeVm());
  const auto with = [&good](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  for (const std::string& bad :
       {std::string(), std::string("{}"), std::string("[]"), std::string("null"),
        std::string(100000, 'x'), std::string("\xff\x00\x01", 3), good.substr(0, good.size() - 1),
        with("\"pid\":42", "\"pid\":-42"), with("\"pid\":42", "\"pid\":\"42\""),
        with("\"pid\":42", "\"pid\":99999999999"), with("\"version\":1", "\"version\":2"),
        with("4711", "1.5"), with("/run/x", "run/x"), with("\"box\"", "7"),
        with("boot_id", "boot_di")}) {
    EXPECT_EQ(DecodeState(bad).status().code(), StatusCode::kDataLoss) << bad.substr(0, 80);
  }
}

TEST(StateTest, FindsTheProcessAndNoOther) {
  SpawnOptions options;
  options.argv = {"sleep", "1000"};
  auto child = Spawn(options);
  ASSERT_TRUE(child.ok());
  const auto identity = IdentifyProcess(child->pid());
  ASSERT_TRUE(identity.ok());
  EXPECT_TRUE(FindProcess(*identity).ok());

  ProcessIdentity reused = *identity;
  reused.start_time += 1;
  EXPECT_EQ(FindProcess(reused).status().code(), StatusCode::kNotFound);
  ProcessIdentity rebooted = *identity;
  rebooted.boot_id = "other";
  EXPECT_EQ(FindProcess(rebooted).status().code(), StatusCode::kNotFound);

  // A zombie is gone already, only not reaped.
  ASSERT_TRUE(child->Signal(9).ok());
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child->pid()), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(FindProcess(*identity).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(child->Wait().ok());
  EXPECT_EQ(FindProcess(*identity).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(FindProcess({}).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace shoji::qemu

#include "accel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/fake_machine.h"

namespace shoji::qemu {
namespace {

using testing::HasSubstr;

TEST(AccelTest, AutoTakesKvmOnlyWhenEverythingSpeaksForIt) {
  for (const bool flag : {false, true}) {
    for (const bool opens : {false, true}) {
      for (const bool creates : {false, true}) {
        FakeMachine machine;
        machine.flag = flag;
        machine.opens = opens;
        machine.creates = creates;
        const auto choice = ChooseAccel("auto", machine);
        ASSERT_TRUE(choice.ok());
        const bool kvm = flag && opens && creates;
        EXPECT_EQ(choice->accel, kvm ? Accel::kKvm : Accel::kTcg);
        EXPECT_EQ(choice->why_not_kvm.empty(), kvm);
      }
    }
  }
}

TEST(AccelTest, SaysWhyNotKvm) {
  FakeMachine machine;
  EXPECT_THAT(ChooseAccel("auto", machine)->why_not_kvm, HasSubstr("neither vmx nor svm"));
  machine.flag = true;
  EXPECT_THAT(ChooseAccel("auto", machine)->why_not_kvm, HasSubstr("no /dev/kvm"));
  machine.opens = true;
  EXPECT_THAT(ChooseAccel("auto", machine)->why_not_kvm, HasSubstr("no VM"));
}

TEST(AccelTest, WhatIsAskedForIsDoneOrRefused) {
  FakeMachine machine;
  const auto refused = ChooseAccel("kvm", machine);
  EXPECT_EQ(refused.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(refused.status().detail("reason"), "skip");
  EXPECT_THAT(refused.status().message(), HasSubstr("hypervisor.qemu.accel"));
  machine.opens = machine.creates = true;  // the flag may be missing: the operator knows best
  EXPECT_EQ(ChooseAccel("kvm", machine)->accel, Accel::kKvm);
  const auto tcg = ChooseAccel("tcg", machine);
  EXPECT_EQ(tcg->accel, Accel::kTcg);
  EXPECT_EQ(tcg->why_not_kvm, "");
  EXPECT_EQ(ChooseAccel("xen", machine).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ChooseAccel("", machine).status().code(), StatusCode::kInvalidArgument);
}

TEST(AccelTest, RealMachineAnswers) {
  MachineProbe& machine = RealMachine();
  EXPECT_GT(machine.MemoryBytes(), std::uint64_t{64} << 20U);
  const std::uint64_t khz = machine.TscKhz();
  EXPECT_TRUE(khz == 0 || (khz > 100'000 && khz < 20'000'000)) << khz;
  EXPECT_EQ(machine.TscKhz(), khz);
  EXPECT_TRUE(ChooseAccel("auto", machine).ok());
}

}  // namespace
}  // namespace shoji::qemu

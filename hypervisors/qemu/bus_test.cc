#include "bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoji::qemu {
namespace {

TEST(BusTest, KindsOfMachines) {
  EXPECT_EQ(KindOf("q35"), MachineKind::kQ35);
  EXPECT_EQ(KindOf("pc-q35-7.2,hpet=off"), MachineKind::kQ35);
  EXPECT_EQ(KindOf("pc"), MachineKind::kPc);
  EXPECT_EQ(KindOf("pc-i440fx-7.2"), MachineKind::kPc);
  EXPECT_EQ(KindOf("microvm,acpi=on"), MachineKind::kMicrovm);
  EXPECT_EQ(KindOf("isapc"), MachineKind::kOther);
  EXPECT_EQ(KindOf(""), MachineKind::kOther);
  EXPECT_TRUE(CanHotplug(MachineKind::kPc));
  EXPECT_FALSE(CanHotplug(MachineKind::kMicrovm));
  EXPECT_FALSE(CanHotplug(MachineKind::kOther));
}

TEST(BusTest, NamesSayAll) {
  const Plugged device{kNic, 0x1f, Fingerprint("x"), "a-b_c.d"};
  const auto inventory =
      Inventory::Parse(R"([{"name":"type","type":"string"},{"name":"serial0"},{"name":")" +
                       device.Name() + R"(","type":"child<virtio-net-pci>"}])");
  ASSERT_TRUE(inventory.ok());
  ASSERT_EQ(inventory->devices().size(), 1U);
  const Plugged* found = inventory->Find("a-b_c.d");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->kind, kNic);
  EXPECT_EQ(found->place, 0x1fU);
  EXPECT_EQ(found->fingerprint, Fingerprint("x"));
  EXPECT_EQ(inventory->Find("a-b_c"), nullptr);
}

TEST(BusTest, WhatIsNotOursIsLeftAlone) {
  const std::string print = Fingerprint("x");
  for (const std::string& name :
       {std::string("b"), "b0g-" + print + "-id", "x01-" + print + "-id", "b01_" + print + "-id",
        "b01-" + print, "b01-" + print + "-", "b01-" + print.substr(1) + "--id",
        "B01-" + print + "-id", std::string("channel0")}) {
    const auto inventory = Inventory::Parse(R"([{"name":")" + name + "\"}]");
    ASSERT_TRUE(inventory.ok());
    EXPECT_TRUE(inventory->devices().empty()) << name;
  }
  for (const char* odd : {"[]", "[5]", "[{}]", R"([{"name":7}])"}) {
    EXPECT_TRUE(Inventory::Parse(odd)->devices().empty()) << odd;
  }
  for (const char* garbage : {"", "{}", "x", "[", "5"}) {
    EXPECT_EQ(Inventory::Parse(garbage).status().code(), StatusCode::kDataLoss) << garbage;
  }
}

TEST(BusTest, PlacesRunOut) {
  Inventory slots;
  for (unsigned i = 1; i <= kLastSlot; ++i) {
    EXPECT_EQ(slots.FreeSlot().value(), i);
    slots.Add({kDisk, i, "", std::to_string(i)});
  }
  EXPECT_EQ(slots.FreeSlot().status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(slots.FreeTarget().value(), 0U) << "SCSI targets are others";
  slots.Add({kScsiDisk, 0, "", "s"});
  EXPECT_EQ(slots.FreeTarget().value(), 1U);

  Inventory transports;
  EXPECT_EQ(transports.FreeTransport().value(), kLastTransport);
  for (unsigned i = 0; i <= kLastTransport; ++i) transports.Add({kDisk, i, "", "t"});
  EXPECT_EQ(transports.FreeTransport().status().code(), StatusCode::kResourceExhausted);
}

TEST(BusTest, TheControllerIsNoDevice) {
  Inventory inventory;
  inventory.Add({kScsiController, 4, Fingerprint("scsi"), "scsi"});
  EXPECT_EQ(inventory.Find("scsi"), nullptr);
  ASSERT_NE(inventory.ScsiController(), nullptr);
  EXPECT_EQ(inventory.ScsiController()->place, 4U);
}

}  // namespace
}  // namespace shoji::qemu

#include "sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resize.h"

namespace shoji::qemu {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

SizeBase Base() { return {1, 256 * kMiB, MachineKind::kQ35, Accel::kKvm, 16, 4096 * kMiB}; }

TEST(SizesTest, AsMuchAsTheHostHas) {
  const auto sizes = DecideSizes({}, Base());
  ASSERT_TRUE(sizes.ok());
  EXPECT_EQ(sizes->max_vcpus, 16U);
  EXPECT_EQ(sizes->max_memory, 4096 * kMiB);
  EXPECT_EQ(SmpArg(1, *sizes), "cpus=1,maxcpus=16,sockets=16,cores=1,threads=1");
  EXPECT_EQ(MemoryRoom(256 * kMiB, *sizes, 0), ",slots=8,maxmem=4096M");
  EXPECT_EQ(SizeParams(256 * kMiB, *sizes, Accel::kKvm), "swiotlb=noforce ");
  SizeBase emulated = Base();
  emulated.accel = Accel::kTcg;
  EXPECT_EQ(DecideSizes({}, emulated)->max_vcpus, 4U);
  emulated.vcpus = 6;
  EXPECT_EQ(DecideSizes({}, emulated)->max_vcpus, 6U);
}

TEST(SizesTest, AsMuchAsIsWanted) {
  const auto sizes = DecideSizes({2, 300 * kMiB + 5, 1}, Base());
  ASSERT_TRUE(sizes.ok());
  EXPECT_EQ(sizes->max_vcpus, 2U);
  EXPECT_EQ(sizes->max_memory, 300 * kMiB);
  EXPECT_EQ(MemoryRoom(256 * kMiB, *sizes, 64 * kMiB), ",slots=2,maxmem=1388M");
  EXPECT_EQ(DecideSizes({0, 100 * kMiB, 1}, Base()).status().code(), StatusCode::kInvalidArgument);
  SizeBase two = Base();
  two.vcpus = 2;
  EXPECT_EQ(DecideSizes({1, 0, 1}, two).status().code(), StatusCode::kInvalidArgument);
}

TEST(SizesTest, WhatCannotGrowHasNoRoom) {
  SizeBase base = Base();
  base.machine = MachineKind::kMicrovm;
  const auto sizes = DecideSizes({8, 0, 8}, base);
  ASSERT_TRUE(sizes.ok());
  EXPECT_EQ(SmpArg(1, *sizes), "1");
  EXPECT_EQ(MemoryRoom(256 * kMiB, *sizes, 0), "");
  EXPECT_EQ(SizeParams(256 * kMiB, *sizes, Accel::kTcg), "nr_cpus=1 ");
  const auto none = DecideSizes({1, 0, 0}, Base());
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->max_memory, 256 * kMiB);
  EXPECT_EQ(MemoryRoom(256 * kMiB, *none, 0), "");
}

TEST(ResizeTest, CpuPlacesComeInOrder) {
  const auto places = ParseCpuPlaces(
      R"([{"type":"max","props":{"socket-id":2}},{"type":"max","props":{"socket-id":1},)"
      R"("qom-path":"/machine/peripheral/cpu1"},{"type":"max","props":{"socket-id":0},)"
      R"("qom-path":"/machine/unattached/device[0]"}])");
  ASSERT_TRUE(places.ok());
  ASSERT_EQ(places->size(), 3U);
  EXPECT_EQ((*places)[0].device, "?");
  EXPECT_EQ((*places)[1].device, "cpu1");
  EXPECT_EQ((*places)[2].device, "");
  EXPECT_EQ((*places)[2].properties, R"({"socket-id":2})");
  for (const char* garbage : {"", "{}", "[5]", "x"}) {
    EXPECT_EQ(ParseCpuPlaces(garbage).status().code(), StatusCode::kDataLoss) << garbage;
  }
}

TEST(ResizeTest, DimmsAreOurs) {
  const auto dimms = ParseDimms(
      R"([{"type":"nvdimm","data":{"id":"nvdimm0"}},{"type":"dimm","data":{"id":"dimm1",)"
      R"("memdev":"/objects/dimmmem1","size":134217728}},{"type":"dimm","data":{"id":"x"}}])");
  ASSERT_TRUE(dimms.ok());
  ASSERT_EQ(dimms->size(), 1U);
  EXPECT_EQ((*dimms)[0].backend, "dimmmem1");
  EXPECT_EQ((*dimms)[0].bytes, 128 * kMiB);
  for (const char* garbage : {"", "{}", "[5]", "[{}]", R"([{"data":5}])"}) {
    EXPECT_EQ(ParseDimms(garbage).status().code(), StatusCode::kDataLoss) << garbage;
  }
}

}  // namespace
}  // namespace shoji::qemu

#include "config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "check.h"
#include "testing/fake_machine.h"

namespace shoji::qemu {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kHost = std::uint64_t{8} << 30U;

sdk::VmConfig Good() {
  return {"box", 0,  0, "/tmp", "/bin/sh", "/bin/sh", "", {{"kataShared", "/tmp", false}},
          {},    {}, {}};
}

TEST(ConfigTest, FillsInTheDefaults) {
  Options options;
  options.vcpus = 3;
  const auto config = CheckConfig(Good(), options, kHost);
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->vcpus, 3U);
  EXPECT_EQ(config->memory_bytes, std::uint64_t{256} << 20U);
}

TEST(ConfigTest, RoundsMemoryUp) {
  sdk::VmConfig config = Good();
  config.memory_bytes = (100U << 20U) + 1;
  EXPECT_EQ(CheckConfig(config, {}, kHost)->memory_bytes, 101U << 20U);
}

struct BadConfig {
  std::function<void(sdk::VmConfig&)> spoil;
  StatusCode code;
  std::string text;
};

TEST(ConfigTest, NamesWhatIsWrong) {
  const BadConfig cases[] = {
      {[](auto& c) { c.id = ""; }, StatusCode::kInvalidArgument, "VM id \"\""},
      {[](auto& c) { c.id = "a/b"; }, StatusCode::kInvalidArgument, "\"a/b\""},
      {[](auto& c) { c.id = std::string(65, 'a'); }, StatusCode::kInvalidArgument, "1 to 64"},
      {[](auto& c) { c.vcpus = 5000; }, StatusCode::kInvalidArgument, "vcpus 5000"},
      {[](auto& c) { c.memory_bytes = 16U << 20U; }, StatusCode::kInvalidArgument,
       "memory 16 MiB is too small; a guest needs at least 96 MiB"},
      {[](auto& c) { c.memory_bytes = UINT64_MAX; }, StatusCode::kResourceExhausted,
       "more than the 8192 MiB of this machine"},
      {[](auto& c) { c.run_dir = "/no/such"; }, StatusCode::kNotFound, "\"/no/such\""},
      {[](auto& c) { c.kernel = "vmlinux"; }, StatusCode::kInvalidArgument, "absolute path"},
      {[](auto& c) { c.kernel = "/no/kernel"; }, StatusCode::kNotFound, "kernel \"/no/kernel\""},
      {[](auto& c) { c.kernel = "/tmp"; }, StatusCode::kInvalidArgument, "not a regular file"},
      {[](auto& c) { c.initrd = ""; }, StatusCode::kInvalidArgument, "initrd \"\""},
      {[](auto& c) { c.kernel_params = "a\nb"; }, StatusCode::kInvalidArgument, "kernel_params"},
      {[](auto& c) { c.shares[0].tag = "a,b"; }, StatusCode::kInvalidArgument, "\"a,b\""},
      {[](auto& c) { c.shares[0].tag = std::string(32, 't'); }, StatusCode::kInvalidArgument,
       "1 to 31"},
      {[](auto& c) { c.shares.push_back(c.shares[0]); }, StatusCode::kInvalidArgument, "twice"},
      {[](auto& c) { c.shares[0].host_path = "/bin/sh"; }, StatusCode::kInvalidArgument,
       "not a directory"},
      {[](auto& c) { c.shares[0].host_path = "/no/dir"; }, StatusCode::kNotFound, "\"/no/dir\""},
  };
  for (const BadConfig& bad : cases) {
    sdk::VmConfig config = Good();
    bad.spoil(config);
    const Status status = CheckConfig(config, {}, kHost).status();
    EXPECT_EQ(status.code(), bad.code) << status.message();
    EXPECT_THAT(status.message(), HasSubstr(bad.text));
  }
}

Result<Options> Read(std::vector<std::pair<std::string, std::string>> pairs) {
  std::vector<shoji_option> items;
  for (const auto& [name, value] : pairs) items.push_back({sdk::ToStr(name), sdk::ToStr(value)});
  const shoji_options options{sizeof(options), static_cast<std::uint32_t>(items.size()),
                              items.data()};
  return ReadOptions(sdk::OptionMap(&options));
}

TEST(OptionsTest, WhatDoesNotGoTogether) {
  Options options;
  options.features.virtiofsd = "/no/virtiofsd";
  options.features.shared_fs = "virtio-fs";
  EXPECT_EQ(CheckConfig(Good(), options, kHost).status().code(), StatusCode::kNotFound);
  options.features.virtiofsd = "/bin/sh";
  EXPECT_TRUE(CheckConfig(Good(), options, kHost).ok());
  sdk::VmConfig config = Good();
  config.shares[0].read_only = true;
  EXPECT_THAT(CheckConfig(config, options, kHost).status().message(), HasSubstr("read-only"));
  config = Good();
  config.memory_path = "/tmp/memory";
  EXPECT_THAT(CheckConfig(config, options, kHost).status().message(), HasSubstr("memory_path"));
  options.features = {};
  options.features.user = "nobody";
  EXPECT_THAT(CheckConfig(Good(), options, kHost).status().message(), HasSubstr("virtio-fs"));
  options.features = {};
  options.features.image_device = "nvdimm";
  options.machine = "microvm";
  config = Good();
  config.image = "/bin/sh";
  EXPECT_THAT(CheckConfig(config, options, kHost).status().message(), HasSubstr("no nvdimm"));
  config.image = "/no/image";
  EXPECT_EQ(CheckConfig(config, options, kHost).status().code(), StatusCode::kNotFound);
  options.features.hugepages = true;
  config = Good();
  config.memory_bytes = std::uint64_t{7} << 30U;
  const Status status = CheckConfig(config, options, kHost).status();
  EXPECT_TRUE(status.ok() || status.code() == StatusCode::kResourceExhausted) << status.message();
}

TEST(OptionsTest, ReadsAndRefuses) {
  EXPECT_EQ(Read({})->machine, "q35");
  EXPECT_EQ(Read({{"memory", "134217728"}, {"vcpus", "2"}})->memory, 128U << 20U);
  EXPECT_EQ(Read({{"accel", "tcg"}, {"cpu", "qemu64,+aes"}})->cpu, "qemu64,+aes");
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"accel", "xen"},
                                                        {"vcpus", "0"},
                                                        {"vcpus", "-1"},
                                                        {"vcpus", "many"},
                                                        {"memory", "1000"},
                                                        {"memory", "lots"},
                                                        {"machine", "q35 -monitor stdio"},
                                                        {"cpu", "max\n"},
                                                        {"kernel_params", "a\nb"}}) {
    EXPECT_EQ(Read({{name, value}}).status().code(), StatusCode::kInvalidArgument)
        << name << "=" << value;
  }
}

TEST(BinaryTest, FoundOrNamed) {
  EXPECT_EQ(*FindBinary("/bin/sh"), "/bin/sh");
  EXPECT_THAT(*FindBinary("sh"), testing::EndsWith("/sh"));
  for (const std::string missing : {"no-such-qemu", "/no/such/qemu", "/tmp"}) {
    const Status status = FindBinary(missing).status();
    EXPECT_EQ(status.code(), StatusCode::kNotFound);
    EXPECT_EQ(status.message(), "QEMU \"" + missing +
                                    "\" not found; install qemu-system-x86 or set "
                                    "hypervisor.qemu.path");
  }
}

TEST(CheckTest, ReadsVersions) {
  EXPECT_EQ(ParseVersion("QEMU emulator version 7.2.22 (Debian 1:7.2)\n").major, 7);
  EXPECT_EQ(ParseVersion("QEMU emulator version 10.1\n").minor, 1);
  EXPECT_EQ(ParseVersion("bash 5").major, 0);
  EXPECT_EQ(ParseVersion("").major, 0);
}

TEST(CheckTest, ReportsAMachineWithoutQemu) {
  FakeMachine machine;
  Options options;
  options.path = "/no/such/qemu";
  const auto report = CheckMachine(options, machine, Deadline::Never());
  EXPECT_EQ(report.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(report.status.detail("reason"), "skip");
  EXPECT_THAT(report.json, HasSubstr("{\"item\":\"qemu\",\"ok\":false"));
  EXPECT_THAT(report.json, HasSubstr("install qemu-system-x86"));
}

TEST(CheckTest, AProgramThatIsNotQemuIsRefused) {
  FakeMachine machine;
  Options options;
  options.path = "/bin/echo";
  EXPECT_EQ(CheckMachine(options, machine, Deadline::Never()).status.code(),
            StatusCode::kFailedPrecondition);
  options.path = "/bin/false";
  EXPECT_THAT(CheckMachine(options, machine, Deadline::Never()).json, HasSubstr("exit status 1"));
}

}  // namespace
}  // namespace shoji::qemu

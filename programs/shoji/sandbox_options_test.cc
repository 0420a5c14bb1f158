#include "sandbox_options.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include "arguments.h"
#include "shoji/base/file.h"

namespace shoji::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SandboxOptions : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/shoji-options-XXXXXX";
    dir_ = mkdtemp(name);
    ASSERT_TRUE(MakeDirs(dir_ + "/rootfs").ok());
  }
  void TearDown() override { ASSERT_TRUE(RemoveTree(dir_).ok()); }

  Result<SandboxConfig> Parse(std::vector<std::string> args) {
    args.insert(args.begin(), "run");
    auto line = ParseCommandLine(args);
    if (!line.ok()) return line.status();
    return SandboxOf(line->invocation);
  }
  std::string Error(const std::vector<std::string>& args) {
    const auto config = Parse(args);
    EXPECT_FALSE(config.ok());
    return config.status().message();
  }

  std::string dir_;
};

TEST_F(SandboxOptions, EverythingAtOnce) {
  const auto config = Parse({"--rootfs",   dir_ + "/rootfs",
                             "--name",     "web",
                             "--cpus",     "2",
                             "--memory",   "1G",
                             "--hostname", "h",
                             "-v",         dir_ + ":/data:ro",
                             "-e",         "A=b",
                             "-w",         "/tmp",
                             "-u",         "1:2",
                             "-t",         "--",
                             "sh",         "-c",
                             "true"});
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->id, "web");
  EXPECT_EQ(config->vcpus, 2U);
  EXPECT_EQ(config->memory_bytes, 1U << 30U);
  const ContainerConfig& container = config->containers.at(0);
  EXPECT_EQ(container.id, "web");
  EXPECT_FALSE(container.rootfs.ephemeral);
  EXPECT_THAT(container.cmd.args, ElementsAre("sh", "-c", "true"));
  EXPECT_THAT(container.cmd.envs, ElementsAre("A=b"));
  EXPECT_EQ(container.cmd.work_dir, "/tmp");
  EXPECT_EQ(container.cmd.user, "1:2");
  EXPECT_TRUE(container.cmd.terminal);
  ASSERT_EQ(container.mounts.size(), 1U);
  EXPECT_EQ(container.mounts[0].source, dir_);
  EXPECT_THAT(container.mounts[0].options, ElementsAre("rbind", "ro"));
}

TEST_F(SandboxOptions, RandomNamesDiffer) {
  const auto one = Parse({"--rootfs", dir_, "true"});
  const auto two = Parse({"--rootfs", dir_, "true"});
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_NE(one->id, two->id);
  EXPECT_EQ(one->id.size(), 12U);
}

TEST_F(SandboxOptions, WrongInputIsNamed) {
  EXPECT_THAT(Error({"--rootfs", dir_}), HasSubstr("no command"));
  EXPECT_THAT(Error({"--rootfs", "/does/not/exist", "x"}), HasSubstr("/does/not/exist"));
  EXPECT_THAT(Error({"--rootfs", dir_, "--cpus", "0", "x"}), HasSubstr("--cpus \"0\""));
  EXPECT_THAT(Error({"--rootfs", dir_, "--cpus", "two", "x"}), HasSubstr("--cpus \"two\""));
  EXPECT_THAT(Error({"--rootfs", dir_, "--memory", "lots", "x"}), HasSubstr("\"lots\""));
  EXPECT_THAT(Error({"--rootfs", dir_, "-v", "/tmp", "x"}), HasSubstr("HOST:GUEST"));
  EXPECT_THAT(Error({"--rootfs", dir_, "-v", "/tmp:rel", "x"}), HasSubstr("absolute"));
  EXPECT_THAT(Error({"--rootfs", dir_, "-v", "/tmp:/x:rx", "x"}), HasSubstr("\"rx\""));
  EXPECT_THAT(Error({"--rootfs", dir_, "-v", "/nope:/x", "x"}), HasSubstr("/nope"));
  EXPECT_THAT(Error({"--rootfs", dir_, "-w", "rel", "x"}), HasSubstr("--workdir \"rel\""));
  EXPECT_THAT(Error({"--rootfs", dir_, "-e", "=x", "x"}), HasSubstr("--env \"=x\""));
}

TEST_F(SandboxOptions, DevicesMountsAndNetwork) {
  ASSERT_TRUE(WriteFile(dir_ + "/img", "").ok());
  const auto config =
      Parse({"--rootfs", dir_, "--device", dir_ + "/img:/dev/xvda:r", "--mount",
             "type=block,source=" + dir_ + "/img,target=/data,fstype=xfs,ro", "--mount",
             "type=memory,size=1M,target=/scratch", "--netns", "pod", "x"});
  ASSERT_TRUE(config.ok()) << config.status().message();
  ASSERT_EQ(config->devices.size(), 1U);
  EXPECT_TRUE(config->devices[0].read_only);
  const ContainerConfig& container = config->containers[0];
  EXPECT_EQ(container.devices.at(0).device, config->devices[0].id);
  EXPECT_EQ(container.devices[0].container_path, "/dev/xvda");
  ASSERT_EQ(config->storages.size(), 2U);
  EXPECT_EQ(config->storages[0].fstype, "xfs");
  EXPECT_TRUE(config->storages[0].read_only);
  EXPECT_EQ(config->storages[1].size_bytes, 1U << 20U);
  EXPECT_EQ(container.mounts.at(1).source, config->storages[1].id);
  EXPECT_EQ(container.mounts[1].type, "storage");
  EXPECT_EQ(config->network.netns, "/run/netns/pod");
  EXPECT_THAT(Error({"--rootfs", dir_, "--device", "/nope", "x"}), HasSubstr("/nope"));
  EXPECT_THAT(Error({"--rootfs", dir_, "--device", dir_ + ":rel", "x"}), HasSubstr("\"rel\""));
  EXPECT_THAT(Error({"--rootfs", dir_, "--mount", "type=nfs,target=/x", "x"}), HasSubstr("nfs"));
  EXPECT_THAT(Error({"--rootfs", dir_, "--mount", "type=memory", "x"}), HasSubstr("target"));
  EXPECT_THAT(Error({"--rootfs", dir_, "--mount", "what=x", "x"}), HasSubstr("\"what\""));
  EXPECT_THAT(Error({"--rootfs", dir_, "--mount", "type=memory,size=x,target=/x", "x"}),
              HasSubstr("\"x\""));
}

TEST_F(SandboxOptions, BundleSaysEverything) {
  ASSERT_TRUE(WriteFile(dir_ + "/config.json", R"({"process":{"terminal":true}})").ok());
  const auto config = Parse({"--bundle", dir_});
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->containers[0].bundle, dir_);
  EXPECT_TRUE(HasTerminal(*config));
  EXPECT_THAT(Error({"--bundle", dir_, "sh"}), HasSubstr("config.json"));
  EXPECT_THAT(Error({"--bundle", dir_, "-u", "1"}), HasSubstr("--user cannot be given"));
  EXPECT_THAT(Error({"--bundle", dir_ + "/rootfs"}), HasSubstr("config.json"));
}

TEST_F(SandboxOptions, TerminalOfABundleThatIsNoJson) {
  SandboxConfig config;
  config.containers.resize(1);
  for (const char* text : {"{", "[]", R"({"process":[]})", R"({"process":{"terminal":"yes"}})"}) {
    config.containers[0].oci_spec = text;
    EXPECT_FALSE(HasTerminal(config)) << text;
  }
}

}  // namespace
}  // namespace shoji::cli

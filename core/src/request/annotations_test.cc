#include "request/annotations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoji {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kHypervisor = "io.katacontainers.config.hypervisor.";
const std::vector<std::string> kAll = {"*"};

class AnnotationsTest : public ::testing::Test {
 protected:
  Status Apply(const std::map<std::string, std::string>& annotations,
               const std::vector<std::string>& allowed = kAll) {
    config_.annotations = annotations;
    warnings_.clear();
    return ApplyAnnotations(allowed, &config_,
                            [&](const std::string& text) { warnings_.push_back(text); });
  }
  SandboxConfig config_;
  std::vector<std::string> warnings_;
};

TEST_F(AnnotationsTest, KatasSizesAndAssets) {
  const std::string h = kHypervisor;
  const std::string hash(64, 'a');
  ASSERT_TRUE(Apply({{h + "default_vcpus", "2.5"},
                     {h + "default_memory", "300"},
                     {h + "kernel", "/k"},
                     {h + "kernel_hash", hash},
                     {h + "image", "/i"},
                     {h + "image_hash", std::string(128, 'B')},
                     {h + "kernel_params", "quiet x=1"},
                     {"io.katacontainers.config.runtime.internetworking_model", "macvtap"},
                     {"org.example", "whatever"}})
                  .ok());
  EXPECT_EQ(config_.vcpus, 3U);
  EXPECT_EQ(config_.memory_bytes, 300U << 20U);
  EXPECT_EQ(config_.assets.kernel, "/k");
  EXPECT_EQ(config_.assets.kernel_sha256, hash);
  EXPECT_EQ(config_.assets.image, "/i");
  EXPECT_EQ(config_.assets.image_sha256, std::string(128, 'B'));
  EXPECT_EQ(config_.assets.kernel_params, "quiet x=1");
  EXPECT_EQ(config_.network.model, "macvtap");
  EXPECT_THAT(warnings_, ElementsAre());
}

TEST_F(AnnotationsTest, WhatTheConfigurationSetsWinsThenOurs) {
  config_.vcpus = 7;
  ASSERT_TRUE(Apply({{"dev.shoji.vcpus", "2"},
                     {"dev.shoji.memory", "1G"},
                     {std::string(kHypervisor) + "default_memory", "64"}})
                  .ok());
  EXPECT_EQ(config_.vcpus, 7U);
  EXPECT_EQ(config_.memory_bytes, 1U << 30U);
}

TEST_F(AnnotationsTest, OnlyWhatIsAllowed) {
  const std::string kernel = std::string(kHypervisor) + "kernel";
  const Status refused = Apply({{kernel, "/k"}}, {"dev.shoji.*", "*.default_*"});
  EXPECT_EQ(refused.code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(refused.message(),
            "annotation \"" + kernel +
                "\" is not allowed here; add it to the option sandbox.annotations or leave it out");
  EXPECT_EQ(config_.assets.kernel, "");
  EXPECT_TRUE(Apply({{"dev.shoji.vcpus", "2"}}, {"dev.shoji.*"}).ok());
  EXPECT_TRUE(Apply({{"org.example.mine", "x"}}, {}).ok()) << "not a setting of ours";
}

TEST_F(AnnotationsTest, BadValuesNameAnnotationValueAndWhatMayStandThere) {
  const std::string h = kHypervisor;
  const struct {
    std::string name;
    std::string value;
    const char* allowed;
  } cases[] = {
      {h + "default_vcpus", "0", "a number from 1 to 4096"},
      {h + "default_vcpus", "", "a number"},
      {h + "default_vcpus", "-1", "a number"},
      {h + "default_vcpus", "2.", "a number"},
      {h + "default_vcpus", "1e3", "a number"},
      {h + "default_vcpus", "4096.5", "a number"},
      {h + "default_vcpus", "99999999999999999999", "a number"},
      {h + "default_memory", "1G", "MiB"},
      {h + "default_memory", "0", "MiB"},
      {"dev.shoji.memory", "lots", "512M"},
      {"dev.shoji.shm_size", "1K", "4K"},
      {h + "kernel", "relative", "absolute path"},
      {h + "kernel_hash", "abc", "hexadecimal"},
      {h + "kernel_hash", std::string(64, 'g'), "hexadecimal"},
      {h + "kernel_params", "a\nb", "printable"},
      {"dev.shoji.network_model", "../x", "network plugin"},
      {"dev.shoji.cgroup_parent", "pods", "absolute path"},
      {"dev.shoji.shared_pid_namespace", "yes", "true or false"},
  };
  for (const auto& c : cases) {
    const Status status = Apply({{c.name, c.value}});
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << c.name << " " << c.value;
    EXPECT_THAT(status.message(), HasSubstr("\"" + c.name + "\" is \"" + c.value + "\", not "));
    EXPECT_THAT(status.message(), HasSubstr(c.allowed));
  }
}

TEST_F(AnnotationsTest, UnknownOnesAreWarnings) {
  ASSERT_TRUE(Apply({{"io.katacontainers.config.hypervisor.default_vcpu", "2"},
                     {"io.katacontainers.config.hypervisor.machine_type", "pc"},
                     {"io.katacontainers.pkg.oci.container_type", "pod_sandbox"},
                     {"dev.shoji.colour", "red"}},
                    {})
                  .ok());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("dev.shoji.colour"),
                                     HasSubstr("did you mean io.katacontainers.config.hypervisor."
                                               "default_vcpus?"),
                                     HasSubstr("options")));
}

TEST(MatchesPattern, StarsStandForAnyText) {
  EXPECT_TRUE(MatchesPattern("a.b", "a.b"));
  EXPECT_FALSE(MatchesPattern("a.b", "a.bc"));
  EXPECT_FALSE(MatchesPattern("a.b", "axb"));
  EXPECT_TRUE(MatchesPattern("*", ""));
  EXPECT_TRUE(MatchesPattern("a.*", "a.b.c"));
  EXPECT_TRUE(MatchesPattern("*.c", "a.b.c"));
  EXPECT_TRUE(MatchesPattern("a*b*c", "axxbbyc"));
  EXPECT_FALSE(MatchesPattern("a*b*c", "axxbyd"));
  EXPECT_FALSE(MatchesPattern("", "a"));
}

}  // namespace
}  // namespace shoji

#include "config/program_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace shoji {
namespace {

namespace po = boost::program_options;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const std::vector<OptionSpec> kSpecs = {
    {"hypervisor.qemu.memory", OptionType::kSize, "256M", false, false, "Memory of a VM"},
    {"plugins.path", OptionType::kList, "", false, false, "Directories"},
    {"store.x.key", OptionType::kString, "hunter2", true, false, "Key"},
};

TEST(ProgramOptions, FlagsBecomeOverrides) {
  const std::vector<std::string> args = {"--hypervisor.qemu.memory=512M",
                                         "--plugins.path=/a",
                                         "run",
                                         "--other",
                                         "--plugins.path",
                                         "/b"};
  const auto parsed =
      po::command_line_parser(args).options(DescribeOptions(kSpecs)).allow_unregistered().run();
  EXPECT_THAT(OverridesOf(parsed, kSpecs),
              ElementsAre(Pair("hypervisor.qemu.memory", "512M"), Pair("plugins.path", "/a,/b")));
}

TEST(ProgramOptions, HelpShowsTypeAndDefaultButNoSecret) {
  std::ostringstream out;
  out << DescribeOptions(kSpecs);
  EXPECT_THAT(out.str(), HasSubstr("--hypervisor.qemu.memory size"));
  EXPECT_THAT(out.str(), HasSubstr("256M"));
  EXPECT_THAT(out.str(), testing::Not(HasSubstr("hunter2")));
}

TEST(ProgramOptions, EnvironmentNames) {
  EXPECT_EQ(EnvironmentName("hypervisor.qemu.boot-order"), "SHOJI_HYPERVISOR_QEMU_BOOT_ORDER");
}

}  // namespace
}  // namespace shoji

#include "config/pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

namespace shoji {
namespace {

using ::testing::HasSubstr;
using Pair = std::pair<std::string, std::string>;

TEST(PairsTest, ExactlyTheSensibleOnesPass) {
  const std::set<Pair> sensible = {{"kataproxybuiltin", "katashimbuiltin"},
                                   {"kataproxy", "katashimbuiltin"},
                                   {"kataproxy", "katashim"},
                                   {"noproxy", "katashimbuiltin"},
                                   {"noproxy", "katashim"},
                                   {"noopproxy", "noopshim"},
                                   {"ccproxy", "ccshim"}};
  for (const char* proxy : {"kataproxybuiltin", "kataproxy", "noproxy", "noopproxy", "ccproxy"}) {
    for (const char* shim : {"katashimbuiltin", "katashim", "noopshim", "ccshim"}) {
      const Status status = CheckPair(proxy, shim);
      EXPECT_EQ(status.ok(), sensible.count({proxy, shim}) != 0) << proxy << " " << shim;
      if (status.ok()) continue;
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
      EXPECT_THAT(status.message(), HasSubstr("sandbox.proxy \"" + std::string(proxy) + "\""));
      EXPECT_THAT(status.message(), HasSubstr("sandbox.shim \"" + std::string(shim) + "\""));
      EXPECT_THAT(status.message(), HasSubstr("; choose "));
    }
  }
}

TEST(PairsTest, OnlyHyperstartIsSpokenToThroughCcProxy) {
  for (const char* proxy : {"kataproxybuiltin", "kataproxy", "noproxy", "noopproxy", "ccproxy"}) {
    for (const char* agent : {"kata", "hyperstart"}) {
      const Status status = CheckAgent(proxy, agent);
      const bool both = (std::string(proxy) == "ccproxy") == (std::string(agent) == "hyperstart");
      EXPECT_EQ(status.ok(), both) << proxy << " " << agent;
      if (status.ok()) continue;
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
      EXPECT_THAT(status.message(), HasSubstr("sandbox.proxy \"" + std::string(proxy) + "\""));
      EXPECT_THAT(status.message(), HasSubstr("sandbox.agent \"" + std::string(agent) + "\""));
      EXPECT_THAT(status.message(), HasSubstr("; choose "));
    }
  }
}

TEST(PairsTest, PluginsOfOthersGoWithAll) {
  EXPECT_TRUE(CheckAgent("mine", "hyperstart").ok());
  EXPECT_TRUE(CheckAgent("ccproxy", "mine").ok());
  EXPECT_TRUE(CheckPair("mine", "katashim").ok());
  EXPECT_TRUE(CheckPair("kataproxybuiltin", "mine").ok());
  EXPECT_TRUE(CheckPair("", "").ok());
}

}  // namespace
}  // namespace shoji

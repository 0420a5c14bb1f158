#include "state.h"

#include <gtest/gtest.h>

namespace shoji::kataproxybuiltin {
namespace {

const ProxyState kGood{"s1", "/run/shoji/s1/proxy", "unix:///run/shoji/s1/vm/kata.sock"};

TEST(ProxyState, SurvivesTheRoundTrip) {
  const Result<ProxyState> back = ParseState(FormatState(kGood));
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(back->sandbox_id, kGood.sandbox_id);
  EXPECT_EQ(back->run_dir, kGood.run_dir);
  EXPECT_EQ(back->agent_url, kGood.agent_url);
  EXPECT_EQ(back->socket(), "/run/shoji/s1/proxy/proxy.sock");
}

TEST(ProxyState, TornOrForeignIsDataLoss) {
  const std::string good = FormatState(kGood);
  for (const std::string& bad :
       {std::string(), std::string("{}"), good.substr(0, good.find("run_dir")),
        good.substr(0, good.find("agent=")), "x" + good}) {
    EXPECT_EQ(ParseState(bad).status().code(), StatusCode::kDataLoss) << bad;
  }
}

TEST(ProxyState, ParametersThatCannotBeKept) {
  EXPECT_EQ(CheckState({"s\n", "/d", "unix:///x"}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckState({"s", "d", "unix:///x"}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckState({"s", "", "unix:///x"}).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(CheckState(kGood).ok());
}

}  // namespace
}  // namespace shoji::kataproxybuiltin

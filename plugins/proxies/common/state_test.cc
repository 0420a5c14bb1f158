#include "state.h"

#include <gtest/gtest.h>

namespace shoji::proxies {
namespace {

ProxyState Good() {
  return {"s1", "/run/p", "unix:///run/vm/kata.sock", "", "/opt/proxy", 12, 345, "myproxy"};
}

TEST(ProxyStateTest, SurvivesTheRoundTrip) {
  ProxyState state = Good();
  state.console_url = "unix:///run/vm/console.sock";
  const auto back = ParseState("myproxy", FormatState(state));
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(FormatState(*back), FormatState(state));
  EXPECT_EQ(back->pid, 12);
  EXPECT_EQ(back->start_ticks, 345U);
  EXPECT_EQ(back->socket(), "/run/p/proxy.sock");
}

TEST(ProxyStateTest, TornOrForeignIsDataLoss) {
  const std::string good = FormatState(Good());
  EXPECT_EQ(ParseState("another", good).status().code(), StatusCode::kDataLoss);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(ParseState("myproxy", good.substr(0, size)).status().code(), StatusCode::kDataLoss)
        << size;
  }
  for (const char* pid : {"0", "-1", "x", "", "99999999999"}) {
    std::string bad = good;
    bad.replace(bad.find("pid=12") + 4, 2, pid);
    EXPECT_EQ(ParseState("myproxy", bad).status().code(), StatusCode::kDataLoss) << pid;
  }
}

TEST(ProxyStateTest, ParametersThatCannotBeUsed) {
  EXPECT_TRUE(CheckState(Good()).ok());
  for (std::string ProxyState::*field :
       {&ProxyState::run_dir, &ProxyState::agent_url, &ProxyState::program}) {
    for (const char* bad : {"", "relative", "/a\nb"}) {
      ProxyState state = Good();
      state.*field = bad;
      EXPECT_EQ(CheckState(state).code(), StatusCode::kInvalidArgument) << bad;
    }
  }
  ProxyState state = Good();
  state.sandbox_id = std::string("a\0b", 3);
  EXPECT_EQ(CheckState(state).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji::proxies

#include "proxy.h"

#include <gmock/gmock.h>

namespace shoji::noopproxy {
namespace {

using Made = Result<std::unique_ptr<sdk::ProxyBase>>;

Made Start(const std::string& id, const std::string& url) {
  shoji_proxy_params params{};
  params.struct_size = sizeof params;
  params.sandbox_id = sdk::ToStr(id);
  params.agent_url = sdk::ToStr(url);
  return NoopProxy::Start(sdk::Host(nullptr), nullptr, nullptr, params);
}

TEST(NoopProxy, StartsNothingAndReachesNobody) {
  const Made proxy = Start("s1", "unix:///run/kata.sock");
  ASSERT_TRUE(proxy.ok()) << proxy.status().message();
  EXPECT_EQ((*proxy)->Info()->pid, 0);
  EXPECT_EQ((*proxy)->Info()->url, "noopProxyURL");
  const Status status = (*proxy)->Connect(nullptr).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), testing::HasSubstr("sandbox s1"));
  EXPECT_TRUE((*proxy)->Stop(nullptr).ok());
}

TEST(NoopProxy, IsFoundAgain) {
  const std::string state = *(*Start("s1", ""))->SaveState();
  const Made proxy = NoopProxy::Attach(sdk::Host(nullptr), nullptr, nullptr, state);
  ASSERT_TRUE(proxy.ok());
  EXPECT_EQ(*(*proxy)->SaveState(), state);
  for (const char* bad : {"", "noise"}) {
    EXPECT_EQ(NoopProxy::Attach(sdk::Host(nullptr), nullptr, nullptr, bad).status().code(),
              StatusCode::kDataLoss);
  }
}

TEST(NoopProxy, ParametersThatCannotBe) {
  EXPECT_EQ(Start("s\n", "").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Start("s1", "gopher://guest").status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji::noopproxy

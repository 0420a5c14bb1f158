#include "plugin_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoji::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

PluginInfo Plugin(const std::string& kind, const std::string& id, const std::string& status = "ok",
                  const std::string& path = "/p.so") {
  PluginInfo info;
  info.kind = kind;
  info.id = id;
  info.status = status;
  info.path = path;
  return info;
}

const std::vector<PluginInfo> kPlugins = {Plugin("store", "kv", "refused", "/first.so"),
                                          Plugin("store", "kv", "ok", "/second.so"),
                                          Plugin("factory", "direct"),
                                          Plugin("proxy", "none"),
                                          Plugin("network", "none"),
                                          Plugin("store", "com.example.kv"),
                                          Plugin("", "", "refused", "/torn.so")};

TEST(FindPlugin, ByKindAndIdOrByAnIdOfOneKind) {
  for (const char* word : {"store/kv", "store.kv", "kv"}) {
    const auto found = FindPlugin(kPlugins, word);
    ASSERT_TRUE(found.ok()) << found.status().message();
    EXPECT_EQ(found->path, "/second.so") << "the one that is used";
  }
  EXPECT_EQ(FindPlugin(kPlugins, "com.example.kv")->id, "com.example.kv");
  EXPECT_EQ(FindPlugin(kPlugins, "store.com.example.kv")->id, "com.example.kv");
  EXPECT_EQ(FindPlugin(kPlugins, "network/none")->kind, "network");
}

TEST(FindPlugin, ErrorsListTheCandidates) {
  const Status two = FindPlugin(kPlugins, "none").status();
  EXPECT_EQ(two.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(two.message(), "\"none\" may be one of: network/none, proxy/none");
  const Status nothing = FindPlugin(kPlugins, "nothing").status();
  EXPECT_EQ(nothing.code(), StatusCode::kNotFound);
  EXPECT_THAT(nothing.message(), HasSubstr("there are: factory/direct, network/none, "));
  EXPECT_FALSE(FindPlugin(kPlugins, "").ok());
}

TEST(PrintPlugin, SecretsAreHidden) {
  PluginInfo info = Plugin("store", "kv");
  info.interfaces = {{"shoji.store/1", 2}};
  PluginOption token;
  token.name = "store.kv.token";
  token.type = "string";
  token.secret = true;
  token.value = "hunter2";  // must not be there, but if it were
  token.origin = "/etc/x.toml:3";
  PluginOption list;
  list.name = "store.kv.peers";
  list.value = "a\nb";
  info.options = {token, list};
  testing::internal::CaptureStdout();
  PrintPlugin(info);
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  EXPECT_THAT(text, HasSubstr("(hidden)"));
  EXPECT_THAT(text, HasSubstr("/etc/x.toml:3"));
  EXPECT_THAT(text, HasSubstr("a,b"));
  EXPECT_THAT(text, HasSubstr("shoji.store/1 (minor 2)"));
}

}  // namespace
}  // namespace shoji::cli

#include "shoji/ccproto/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoji::ccproto {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MessagesTest, Tokens) {
  const auto io = ParseIoStreams(R"({"io":{"url":"unix:///p","tokens":["a","b"],"more":1}})");
  ASSERT_TRUE(io.ok());
  EXPECT_EQ(io->url, "unix:///p");
  EXPECT_THAT(io->tokens, ElementsAre("a", "b"));
}

TEST(MessagesTest, SenselessAnswers) {
  for (const char* text :
       {"", "{", "[]", "7", "{}", R"({"io":1})", R"({"io":{}})", R"({"io":{"url":1,"tokens":[]}})",
        R"({"io":{"url":"u"}})", R"({"io":{"url":"u","tokens":"t"}})",
        R"({"io":{"url":"u","tokens":[1]}})", R"({"io":{"url":"u","tokens":[""]}})", "\xff"}) {
    EXPECT_EQ(ParseIoStreams(text).status().code(), StatusCode::kDataLoss) << text;
  }
  const std::string deep(100000, '[');
  EXPECT_FALSE(ParseIoStreams(deep).ok());
}

TEST(MessagesTest, Errors) {
  EXPECT_EQ(ErrorText(R"({"msg":"unknown token"})"), "unknown token");
  for (const char* text : {"", "no", R"({"msg":7})", R"({"msg":""})", "[]"}) {
    EXPECT_THAT(ErrorText(text), HasSubstr("does not say")) << text;
  }
}

TEST(MessagesTest, DataMustBeJson) {
  EXPECT_FALSE(HyperJson("newcontainer", {}, "{").ok());
  EXPECT_EQ(UnregisterVmJson("a\"\\\n"), R"({"containerId":"a\"\\\n"})");
}

}  // namespace
}  // namespace shoji::ccproto

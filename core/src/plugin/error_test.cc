#include "plugin/error.h"

#include <gtest/gtest.h>

namespace shoji {
namespace {

shoji_str Str(std::string_view text) { return {text.data(), text.size()}; }

TEST(PluginError, CodeMessageErrnoAndDetailsComeThrough) {
  PluginError error;
  SetError(error.get(), SHOJI_NOT_FOUND, 2, Str("no such\r\n  file. \n"));
  AddErrorDetail(error.get(), Str("reason"), Str("skip"));
  const Status status = error.ToStatus("store kv", "load", SHOJI_NOT_FOUND);
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such   file");
  EXPECT_EQ(status.sys_errno(), 2);
  EXPECT_EQ(status.detail("reason"), "skip");
}

TEST(PluginError, TheReturnedCodeCounts) {
  PluginError error;
  SetError(error.get(), SHOJI_NOT_FOUND, 0, Str("x"));
  EXPECT_TRUE(error.ToStatus("p", "c", SHOJI_OK).ok());
  EXPECT_EQ(error.ToStatus("p", "c", SHOJI_ABORTED).code(), StatusCode::kAborted);
}

TEST(PluginError, MuteAndUnknownCodesAreInternal) {
  const PluginError error;
  EXPECT_EQ(error.ToStatus("store kv", "load", SHOJI_NOT_FOUND).message(),
            "plugin store kv: call load failed with NOT_FOUND and no message");
  for (const std::int32_t code : {17, -1, 99999}) {
    const Status status = error.ToStatus("store kv", "load", code);
    EXPECT_EQ(status.code(), StatusCode::kInternal);
    EXPECT_EQ(status.message(),
              "plugin store kv: call load failed with the unknown code " + std::to_string(code));
  }
}

TEST(PluginError, NobodyAsks) {
  SetError(nullptr, SHOJI_NOT_FOUND, 0, Str("x"));
  AddErrorDetail(nullptr, Str("a"), Str("b"));
  EXPECT_EQ(FillError(nullptr, NotFound("x")), SHOJI_NOT_FOUND);
}

TEST(OneLine, IsShortAndPrintable) {
  EXPECT_EQ(OneLine("a\tb\nc\x01\x7f."), "a b c");
  EXPECT_EQ(OneLine(std::string(10000, 'x')).size(), 4096U);
  EXPECT_EQ(OneLine(""), "");
}

}  // namespace
}  // namespace shoji

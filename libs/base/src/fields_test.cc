#include "shoji/base/fields.h"

#include <gtest/gtest.h>

namespace shoji {
namespace {

TEST(Fields, SurviveTheRoundTrip) {
  for (const Fields& fields : {Fields{}, Fields{{"a", ""}}, Fields{{"a", "x=y"}, {"b", "end"}}}) {
    const auto back = ParseFields("kind 1", FormatFields("kind 1", fields));
    ASSERT_TRUE(back.ok()) << back.status().message();
    EXPECT_EQ(*back, fields);
  }
}

TEST(Fields, TornAtAnyByteIsDataLoss) {
  const std::string good = FormatFields("kind 1", {{"a", "end"}, {"b", "2"}});
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto back = ParseFields("kind 1", good.substr(0, size));
    EXPECT_EQ(back.status().code(), StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(ParseFields("kind 2", good).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(ParseFields("kind 1", "kind 1\nnoise\nend\n").status().code(), StatusCode::kDataLoss);
}

TEST(Fields, WhatCannotBeKept) {
  EXPECT_TRUE(CheckFields({{"a", "b c=\td"}}).ok());
  EXPECT_EQ(CheckFields({{"a", "x\ny"}}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckFields({{"a", std::string(1, '\0')}}).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji

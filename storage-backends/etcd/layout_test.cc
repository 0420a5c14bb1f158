#include "layout.h"

#include <gtest/gtest.h>

#include <set>

namespace shoji::etcd {
namespace {

TEST(Layout, NamesOfKeys) {
  const Layout layout("/x/");
  EXPECT_EQ(layout.Format(), "/x/format");
  EXPECT_EQ(layout.Record("a/b"), "/x/k/a/b");
  EXPECT_EQ(layout.Marker("a/b"), "/x/b/a/b");
  EXPECT_EQ(layout.Pieces("g"), "/x/c/g/");
  EXPECT_EQ(layout.Piece("g", 7), "/x/c/g/000007");
  EXPECT_LT(layout.Piece("g", 99), layout.Piece("g", 100));
}

TEST(Layout, EndOfPrefixIsTheFirstKeyAfterIt) {
  EXPECT_EQ(EndOfPrefix("ab"), "ac");
  EXPECT_EQ(EndOfPrefix("a\xff"), "b");
  EXPECT_EQ(EndOfPrefix("\xff\xff"), std::string(1, '\0'));
  EXPECT_EQ(EndOfPrefix(""), std::string(1, '\0'));
}

TEST(Record, ValueComesBack) {
  for (const std::string& value :
       {std::string(), std::string("v\n\0w", 4), std::string(5000, 'x')}) {
    const std::string bytes = PackValue("k", value);
    const auto record = ParseRecord(bytes);
    ASSERT_TRUE(record.ok());
    EXPECT_TRUE(record->generation.empty());
    EXPECT_EQ(record->value, value);
    EXPECT_TRUE(CheckValue(*record, "k", record->value).ok());
    EXPECT_EQ(CheckValue(*record, "other", record->value).code(), StatusCode::kDataLoss);
  }
}

TEST(Record, PiecesComeBack) {
  const std::string generation = NewGeneration().value();
  const std::string bytes = PackPieces("k", "value", generation, 12);
  const auto record = ParseRecord(bytes);
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->generation, generation);
  EXPECT_EQ(record->pieces, 12U);
  EXPECT_TRUE(CheckValue(*record, "k", "value").ok());
  EXPECT_EQ(CheckValue(*record, "k", "valu").code(), StatusCode::kDataLoss);
  EXPECT_EQ(CheckValue(*record, "k", "valuf").code(), StatusCode::kDataLoss);
}

TEST(Record, DamageIsFound) {
  const std::string g(32, 'a');
  for (const std::string& bytes :
       {std::string(), std::string("hello"), std::string("shoji1"), std::string("shoji1 v\n"),
        std::string("shoji1 v 0000000 1\nx"), std::string("shoji1 v 0000000g 1\nx"),
        std::string("shoji1 v 00000000 -1\nx"), std::string("shoji1 v 00000000 1"),
        std::string("shoji2 v 00000000 1\nx"), "shoji1 c 00000000 1 " + g + "\n",
        "shoji1 c 00000000 1 ../" + g.substr(3) + " 1\n", "shoji1 c 00000000 1 " + g + " x\n",
        std::string("shoji1 z 00000000 1\n"), std::string(500, 'x') + "\n"}) {
    EXPECT_EQ(ParseRecord(bytes).status().code(), StatusCode::kDataLoss) << bytes;
  }
}

TEST(Generation, IsNewEachTime) {
  std::set<std::string> all;
  for (int i = 0; i < 100; ++i) all.insert(NewGeneration().value());
  EXPECT_EQ(all.size(), 100U);
}

}  // namespace
}  // namespace shoji::etcd

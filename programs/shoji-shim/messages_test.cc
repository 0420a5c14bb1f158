#include "messages.h"

#include <gtest/gtest.h>

namespace shoji::shim {
namespace {

using namespace std::string_literals;

TEST(Messages, RequestsAsProtobufWritesThem) {
  EXPECT_EQ(Message("c", "ex").Number(3, 15).Take(),
            "\x0a\x01"s
            "c\x12\x02"
            "ex\x18\x0f");
  EXPECT_EQ(Message("c", "e").Bytes(3, "").Number(4, 300).Take(),
            "\x0a\x01"s
            "c\x12\x01"
            "e\x1a\x00\x20\xac\x02"s);
  EXPECT_EQ(Message("", std::string(200, 'x')).Take(),
            "\x0a\x00\x12\xc8\x01"s + std::string(200, 'x'));
}

TEST(Messages, Answers) {
  EXPECT_EQ(*FirstNumber(""), 0U);
  EXPECT_EQ(*FirstBytes(""), "");
  EXPECT_EQ(*FirstNumber("\x08\x89\x01"), 137U);
  EXPECT_EQ(static_cast<std::int32_t>(*FirstNumber("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
            -1);
  EXPECT_EQ(*FirstBytes("\x0a\x03"
                        "a\0b"s),
            "a\0b"s);
  // Fields that came later, of every type, are passed over.
  EXPECT_EQ(*FirstBytes("\x10\x07\x1d"
                        "1234"
                        "\x21"
                        "12345678"
                        "\x0a\x01z\x2a\x01q"s),
            "z");
}

TEST(Messages, WhatIsNone) {
  for (const std::string& bad : {"\x0a"s,
                                 "\x0a\x05"
                                 "abc"s,
                                 "\x08\xff"s,
                                 "\x0d"
                                 "12"s,
                                 "\x0b"s, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s}) {
    EXPECT_EQ(FirstBytes(bad).status().code(), StatusCode::kDataLoss);
    EXPECT_EQ(FirstNumber(bad).status().code(), StatusCode::kDataLoss);
  }
  EXPECT_FALSE(FirstNumber("\x0a\x01x").ok());
  EXPECT_FALSE(FirstBytes("\x08\x01").ok());
}

}  // namespace
}  // namespace shoji::shim

#include "shoji/ccproto/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace shoji::ccproto {
namespace {

using ::testing::HasSubstr;

std::string Bytes(std::initializer_list<unsigned> values) {
  std::string out;
  for (const unsigned value : values) out.push_back(static_cast<char>(value));
  return out;
}

Result<std::optional<Frame>> Read(const std::string& bytes) {
  FrameReader reader;
  reader.Add(bytes);
  return reader.Next();
}

std::string Refusal(const std::string& bytes) {
  const auto frame = Read(bytes);
  EXPECT_EQ(frame.status().code(), StatusCode::kInvalidArgument);
  return frame.status().message();
}

TEST(FrameTest, NothingOfAFrameIsNotWhole) {
  const std::string whole = *Encode({FrameType::kStream, kStdout, false, "abc"});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto frame = Read(whole.substr(0, size));
    ASSERT_TRUE(frame.ok()) << size;
    EXPECT_FALSE(frame->has_value()) << size;
  }
  EXPECT_TRUE(Read(whole)->has_value());
}

TEST(FrameTest, LongerHeadersAreSkipped) {
  const auto frame = Read(Bytes({0, 2, 5, 9, 9, 9, 2, 1, 0, 0, 0, 2}) + "12345678hi");
  ASSERT_TRUE(frame.ok() && frame->has_value());
  EXPECT_EQ(**frame, (Frame{FrameType::kStream, kStdout, false, "hi"}));
}

TEST(FrameTest, NoiseIsRefusedAtOnce) {
  EXPECT_THAT(Refusal(Bytes({0, 1})), HasSubstr("version 1"));
  EXPECT_THAT(Refusal(Bytes({0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0})), HasSubstr("version 3"));
  EXPECT_THAT(Refusal(Bytes({2, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0})), HasSubstr("version 512"));
  EXPECT_THAT(Refusal("HTTP/1.1 200 OK\r\n"), HasSubstr("version"));
  for (const unsigned words : {0U, 1U, 2U}) {
    EXPECT_THAT(Refusal(Bytes({0, 2, words})), HasSubstr("3 at least")) << words;
  }
}

TEST(FrameTest, KindsThatThereAreNotAreRefused) {
  const auto with = [](unsigned type, unsigned opcode) {
    return Bytes({0, 2, 3, 0, 0, 0, type, opcode, 0, 0, 0, 0});
  };
  EXPECT_THAT(Refusal(with(4, 0)), HasSubstr("type 4"));
  EXPECT_THAT(Refusal(with(15, 0)), HasSubstr("type 15"));
  EXPECT_THAT(Refusal(with(0, 7)), HasSubstr("opcode 7"));
  EXPECT_THAT(Refusal(with(1, 255)), HasSubstr("opcode 255"));
  EXPECT_THAT(Refusal(with(2, 4)), HasSubstr("opcode 4"));
  EXPECT_THAT(Refusal(with(3, 1)), HasSubstr("opcode 1"));
}

TEST(FrameTest, AbsurdSizesAreRefusedBeforeTheyAreAwaited) {
  EXPECT_THAT(Refusal(Bytes({0, 2, 3, 0, 0, 0, 2, 0, 0xff, 0xff, 0xff, 0xff})),
              HasSubstr("4294967295"));
  EXPECT_THAT(Refusal(Bytes({0, 2, 3, 0, 0, 0, 2, 0, 0, 0x40, 0, 1})), HasSubstr("4194305"));
  EXPECT_TRUE(Read(Bytes({0, 2, 3, 0, 0, 0, 2, 0, 0, 0x40, 0, 0})).ok());
}

TEST(FrameTest, OnceFailedItStaysSo) {
  FrameReader reader;
  reader.Add(Bytes({0, 9}));
  EXPECT_FALSE(reader.Next().ok());
  reader.Add(*Encode({FrameType::kStream, kStdin, false, "x"}));
  EXPECT_FALSE(reader.Next().ok());
}

TEST(FrameTest, WhatCannotBeSentIsRefused) {
  EXPECT_FALSE(Encode({FrameType::kCommand, 7, false, ""}).ok());
  EXPECT_FALSE(Encode({FrameType::kNotification, 1, false, ""}).ok());
  EXPECT_FALSE(Encode({FrameType::kCommand, kHyper, true, ""}).ok());
  EXPECT_FALSE(Encode({FrameType::kStream, kStdin, false, std::string(kMaxPayload + 1, 'x')}).ok());
  EXPECT_TRUE(Encode({FrameType::kStream, kStdin, false, std::string(kMaxPayload, 'x')}).ok());
}

// Frames by chance, in pieces by chance; SHOJI_SEED repeats a run.
TEST(FrameTest, RoundTrip) {
  const char* const given = std::getenv("SHOJI_SEED");
  const auto seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                                     : std::random_device{}();
  SCOPED_TRACE("SHOJI_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  constexpr unsigned kOpcodes[] = {7, 7, 4, 1};
  std::vector<Frame> sent;
  std::string wire;
  for (int i = 0; i < 500; ++i) {
    Frame frame;
    const unsigned type = below(4);
    frame.type = static_cast<FrameType>(type);
    frame.opcode = static_cast<std::uint8_t>(below(kOpcodes[type]));
    frame.error = frame.type == FrameType::kResponse && below(2) == 0;
    frame.payload.resize(below(8) == 0 ? below(70000) : below(40));
    for (char& c : frame.payload) c = static_cast<char>(random());
    wire += *Encode(frame);
    sent.push_back(std::move(frame));
  }
  FrameReader reader;
  std::size_t got = 0;
  for (std::size_t at = 0; at < wire.size();) {
    const std::size_t piece = std::min<std::size_t>(wire.size() - at, 1 + below(5000));
    reader.Add(std::string_view(wire).substr(at, piece));
    at += piece;
    for (auto frame = reader.Next(); frame.ok() && frame->has_value(); frame = reader.Next()) {
      ASSERT_LT(got, sent.size());
      ASSERT_EQ(**frame, sent[got]) << got;
      ++got;
    }
  }
  EXPECT_EQ(got, sent.size());
  EXPECT_TRUE(reader.empty());
}

// Whatever comes, it is taken or refused.
TEST(FrameTest, NoiseByChance) {
  std::mt19937 random(20);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = Bytes({0, 2, 3, 0, 0, 0, 2, 1, 0, 0, 0, 2}) + "hi";
    for (int flips = 0; flips < 3; ++flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto frame = Read(bytes);
    if (frame.ok() && frame->has_value()) {
      EXPECT_LE((*frame)->payload.size(), 2U);
    }
  }
}

}  // namespace
}  // namespace shoji::ccproto

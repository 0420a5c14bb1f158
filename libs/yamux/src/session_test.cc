#include "shoji/yamux/session.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "frame.h"

namespace shoji::yamux {
namespace {

std::string Bytes(const Frame& frame) {
  const Header header = EncodeFrame(frame);
  return {header.data(), header.size()};
}
std::string DataFrame(StreamId id, const std::string& data, std::uint16_t flags = 0) {
  return Bytes({0, FrameType::kData, flags, id, static_cast<std::uint32_t>(data.size())}) + data;
}
std::string SynFrame(StreamId id) { return Bytes({0, FrameType::kWindowUpdate, kSyn, id, 0}); }

// Remembers what happened.
class Recorder : public Listener {
 public:
  Session* session = nullptr;
  bool consume = true;
  std::vector<StreamId> opened;
  std::map<StreamId, std::string> data;
  std::set<StreamId> finished;
  std::set<StreamId> reset;
  std::vector<StreamId> writable;
  std::vector<std::uint32_t> pongs;
  std::vector<GoAwayCode> go_aways;

  void OnOpened(StreamId id) override { opened.push_back(id); }
  void OnData(StreamId id, std::string_view bytes) override {
    data[id] += bytes;
    if (consume) session->Consume(id, bytes.size());
  }
  void OnFinished(StreamId id) override { finished.insert(id); }
  void OnReset(StreamId id) override { reset.insert(id); }
  void OnWritable(StreamId id) override { writable.push_back(id); }
  void OnPong(std::uint32_t value) override { pongs.push_back(value); }
  void OnGoAway(GoAwayCode code) override { go_aways.push_back(code); }
};

struct Side {
  explicit Side(Role role, Options options = {}) : session(role, &events, options) {
    events.session = &session;
  }
  Recorder events;
  Session session;
};

// Moves what `from` has to say, in pieces of random size.
void Carry(Side* from, Side* to, std::mt19937* random) {
  while (!from->session.PendingOutput().empty()) {
    std::uniform_int_distribution<std::size_t> size(1, 70'000);
    const std::string piece(from->session.PendingOutput().substr(0, size(*random)));
    from->session.OutputSent(piece.size());
    ASSERT_TRUE(to->session.Feed(piece).ok());
  }
}

class YamuxPair : public ::testing::Test {
 protected:
  void Exchange() {
    while (!client.session.PendingOutput().empty() || !server.session.PendingOutput().empty()) {
      Carry(&client, &server, &random);
      Carry(&server, &client, &random);
    }
  }
  StreamId Open(Side* side) {
    Result<StreamId> id = side->session.Open();
    EXPECT_TRUE(id.ok()) << id.status().message();
    return id.ok() ? *id : 0;
  }
  std::string Noise(std::size_t size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  }

  Side client{Role::kClient};
  Side server{Role::kServer};
  std::mt19937 random{20'26};
};

TEST_F(YamuxPair, ClientOpensOddServerEven) {
  EXPECT_EQ(Open(&client), 1U);
  EXPECT_EQ(Open(&client), 3U);
  EXPECT_EQ(Open(&server), 2U);
  EXPECT_EQ(Open(&server), 4U);
  Exchange();
  EXPECT_EQ(server.events.opened, (std::vector<StreamId>{1, 3}));
  EXPECT_EQ(client.events.opened, (std::vector<StreamId>{2, 4}));
}

TEST_F(YamuxPair, SixtyFourStreamsBothRolesBothWays) {
  std::map<StreamId, std::string> rest_client;
  std::map<StreamId, std::string> rest_server;
  std::map<StreamId, std::string> sent_client;
  std::map<StreamId, std::string> sent_server;
  for (int i = 0; i < 32; ++i) {
    for (Side* side : {&client, &server}) {
      const StreamId id = Open(side);
      sent_client[id] = rest_client[id] = Noise(random() % 600'000);
      sent_server[id] = rest_server[id] = Noise(random() % 600'000);
    }
  }
  Exchange();
  const auto pump = [this](Side* side, std::map<StreamId, std::string>* rest) {
    for (auto it = rest->begin(); it != rest->end();) {
      const std::size_t offer = std::min<std::size_t>(it->second.size(), 1 + random() % 90'000);
      it->second.erase(0, side->session.Write(it->first, it->second.substr(0, offer)));
      if (it->second.empty()) {
        side->session.Finish(it->first);
        it = rest->erase(it);
      } else {
        ++it;
      }
    }
  };
  while (!rest_client.empty() || !rest_server.empty()) {
    pump(&client, &rest_client);
    pump(&server, &rest_server);
    Exchange();
  }
  for (auto& [id, data] : sent_client) EXPECT_TRUE(server.events.data[id] == data) << id;
  for (auto& [id, data] : sent_server) EXPECT_TRUE(client.events.data[id] == data) << id;
  EXPECT_EQ(client.events.finished.size(), 64U);
  EXPECT_EQ(server.events.finished.size(), 64U);
  EXPECT_EQ(client.session.stream_count(), 0U);
  EXPECT_EQ(server.session.stream_count(), 0U);
}

TEST_F(YamuxPair, HalfCloseLeavesTheOtherDirectionOpen) {
  const StreamId id = Open(&client);
  EXPECT_EQ(client.session.Write(id, "question"), 8U);
  client.session.Finish(id);
  client.session.Finish(id);
  EXPECT_EQ(client.session.Write(id, "more"), 0U);
  Exchange();
  EXPECT_TRUE(server.events.finished.contains(id));
  EXPECT_EQ(server.session.stream_count(), 1U);
  EXPECT_EQ(server.session.Write(id, "answer"), 6U);
  Exchange();
  EXPECT_EQ(client.events.data[id], "answer");
  EXPECT_FALSE(client.events.finished.contains(id));
  server.session.Finish(id);
  Exchange();
  EXPECT_TRUE(client.events.finished.contains(id));
  EXPECT_EQ(client.session.stream_count() + server.session.stream_count(), 0U);
}

TEST_F(YamuxPair, ResetInTheMiddleOfAStream) {
  const StreamId id = Open(&client);
  const StreamId other = Open(&client);
  Exchange();
  EXPECT_EQ(server.session.Write(id, Noise(100'000)), 100'000U);
  client.session.Reset(id);  // while data for it is on its way
  client.session.Reset(id);
  EXPECT_EQ(server.session.Write(other, "alive"), 5U);
  Exchange();
  EXPECT_TRUE(server.events.reset.contains(id));
  EXPECT_FALSE(client.events.reset.contains(id));
  EXPECT_EQ(client.events.data[other], "alive");
  EXPECT_EQ(server.session.Write(id, "x"), 0U);
  EXPECT_EQ(server.session.stream_count(), 1U);
}

TEST_F(YamuxPair, WindowRunsOutAndOnWritableFollows) {
  server.events.consume = false;
  const StreamId id = Open(&client);
  Exchange();
  const std::string big(kInitialWindow + 1000, 'w');
  EXPECT_EQ(client.session.Writable(id), kInitialWindow);
  EXPECT_EQ(client.session.Write(id, big), kInitialWindow);
  EXPECT_EQ(client.session.Writable(id), 0U);
  EXPECT_EQ(client.session.Write(id, "y"), 0U);
  Exchange();
  EXPECT_TRUE(client.events.writable.empty());
  server.session.Consume(id, kInitialWindow / 2 - 1);
  Exchange();
  EXPECT_TRUE(client.events.writable.empty()) << "an update for less than half a window";
  server.session.Consume(id, 1);
  Exchange();
  EXPECT_EQ(client.events.writable, std::vector<StreamId>{id});
  EXPECT_EQ(client.session.Writable(id), kInitialWindow / 2);
}

TEST_F(YamuxPair, ConsumingMoreThanCameGivesNoMoreThanCame) {
  server.events.consume = false;
  const StreamId id = Open(&client);
  client.session.Write(id, Noise(kInitialWindow));
  Exchange();
  server.session.Consume(id, 10 * kInitialWindow);
  Exchange();
  EXPECT_EQ(client.session.Writable(id), kInitialWindow);
}

TEST_F(YamuxPair, PingIsAnswered) {
  client.session.Ping(7);
  server.session.Ping(0xFFFFFFFFU);
  Exchange();
  EXPECT_EQ(client.events.pongs, std::vector<std::uint32_t>{7});
  EXPECT_EQ(server.events.pongs, std::vector<std::uint32_t>{0xFFFFFFFFU});
}

TEST_F(YamuxPair, GoAwayEndsOpeningOnBothSides) {
  const StreamId old = Open(&client);
  Exchange();
  server.session.GoAway(GoAwayCode::kNormal);
  // Opened before the go-away arrived: reset, not lost.
  const StreamId late = Open(&client);
  Exchange();
  EXPECT_EQ(client.events.go_aways, std::vector<GoAwayCode>{GoAwayCode::kNormal});
  EXPECT_TRUE(client.events.reset.contains(late));
  EXPECT_EQ(client.session.Open().status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(server.session.Open().status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(client.session.Write(old, "still"), 5U);
  Exchange();
  EXPECT_EQ(server.events.data[old], "still");
}

TEST_F(YamuxPair, FramesSplitByteByByte) {
  const StreamId id = Open(&client);
  client.session.Write(id, "hello");
  client.session.Ping(9);
  client.session.Finish(id);
  const std::string all(client.session.PendingOutput());
  for (const char c : all) ASSERT_TRUE(server.session.Feed({&c, 1}).ok());
  EXPECT_EQ(server.events.data[id], "hello");
  EXPECT_TRUE(server.events.finished.contains(id));
}

// A listener that acts from inside its callbacks.
class Meddler : public Recorder {
 public:
  void OnOpened(StreamId id) override {
    Recorder::OnOpened(id);
    if (id == 1) session->Write(id, "welcome");
    if (id == 3) session->Reset(id);
    if (id == 5) session->Finish(id);
  }
  void OnData(StreamId id, std::string_view bytes) override {
    Recorder::OnData(id, bytes);
    session->Reset(id);
  }
};

TEST(YamuxCallbacks, MayUseTheSession) {
  Meddler meddler;
  Session session(Role::kServer, &meddler, {});
  meddler.session = &session;
  EXPECT_TRUE(session.Feed(SynFrame(1) + SynFrame(3) + SynFrame(5)).ok());
  const std::string out(session.PendingOutput());
  EXPECT_EQ(out, DataFrame(1, "welcome", kAck) + Bytes({0, FrameType::kWindowUpdate, kRst, 3, 0}) +
                     Bytes({0, FrameType::kWindowUpdate, kFin | kAck, 5, 0}));
  const std::string data = DataFrame(1, std::string(1000, 'd'), kFin);
  EXPECT_TRUE(session.Feed(data.substr(0, 500)).ok());
  EXPECT_TRUE(session.Feed(data.substr(500)).ok());
  EXPECT_EQ(meddler.data[1].size(), 488U) << "data after our reset must be swallowed";
  EXPECT_FALSE(meddler.finished.contains(1));
}

class BadInput : public ::testing::Test {
 protected:
  void ExpectFailure(const std::string& bytes, const std::string& message) {
    const Status status = side.session.Feed(bytes);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
    EXPECT_TRUE(side.session.failed());
    EXPECT_EQ(side.session.stream_count(), 0U);
    const std::string out(side.session.PendingOutput());
    ASSERT_GE(out.size(), kHeaderSize);
    EXPECT_EQ(out.substr(out.size() - kHeaderSize), Bytes({0, FrameType::kGoAway, 0, 0, 1}));
    EXPECT_FALSE(side.session.Feed(SynFrame(9)).ok());
    EXPECT_EQ(side.session.Open().status().code(), StatusCode::kUnavailable);
  }
  Side side{Role::kServer};
};

TEST_F(BadInput, Version) { ExpectFailure(Bytes({1, FrameType::kPing, kSyn, 0, 1}), "version 1"); }
TEST_F(BadInput, Type) {
  ExpectFailure(Bytes({0, static_cast<FrameType>(4), 0, 0, 1}), "unknown type 4");
}
TEST_F(BadInput, StreamZero) { ExpectFailure(SynFrame(0), "stream 0"); }
TEST_F(BadInput, IdOfOurSide) { ExpectFailure(SynFrame(2), "stream 2"); }
TEST_F(BadInput, StreamWeNeverOpened) { ExpectFailure(DataFrame(2, "x"), "never opened"); }
TEST_F(BadInput, OpenedTwice) { ExpectFailure(SynFrame(1) + SynFrame(1), "twice"); }
TEST_F(BadInput, GoAwayCode) {
  ExpectFailure(Bytes({0, FrameType::kGoAway, 0, 0, 3}), "unknown code 3");
}
TEST_F(BadInput, WindowOverflow) {
  ExpectFailure(SynFrame(1) + Bytes({0, FrameType::kWindowUpdate, 0, 1, 0xFFFFFFFFU}), "32 bits");
}
TEST_F(BadInput, DataOverTheWindowResetsEveryStream) {
  side.events.consume = false;
  const std::string full = DataFrame(1, std::string(kInitialWindow, 'a'));
  ASSERT_TRUE(side.session.Feed(SynFrame(1) + SynFrame(3) + full).ok());
  ExpectFailure(DataFrame(1, "b"), "window 0");
  EXPECT_EQ(side.events.reset, (std::set<StreamId>{1, 3}));
}
TEST_F(BadInput, PeerThatNeverReadsIsCutOff) {
  std::string pings;
  for (std::uint32_t i = 0; i < 1000; ++i) pings += Bytes({0, FrameType::kPing, kSyn, 0, i});
  Status status;
  int rounds = 0;
  while (status.ok() && rounds < 1000) {
    status = side.session.Feed(pings);
    ++rounds;
  }
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_LT(side.session.PendingBytes(), 2U << 20U);
}

TEST(YamuxTolerance, LateFramesOfUnknownStreamsAreSwallowed) {
  Side side(Role::kServer);
  EXPECT_TRUE(side.session
                  .Feed(DataFrame(77, "late") + Bytes({0, FrameType::kWindowUpdate, 0, 77, 5}) +
                        Bytes({0, FrameType::kWindowUpdate, kFin, 77, 0}) +
                        Bytes({0, FrameType::kWindowUpdate, kRst, 77, 0}) + SynFrame(1) +
                        DataFrame(1, "x", kFin) + DataFrame(1, "after the end"))
                  .ok());
  EXPECT_EQ(side.events.data[1], "x");
  EXPECT_EQ(side.events.data.size(), 1U);
}

TEST(YamuxTolerance, IdsBelowTheFirstOneAreForeign) {
  Options options;
  options.first_stream = 1000;
  Side side(Role::kClient, options);
  EXPECT_EQ(*side.session.Open(), 1001U);
  EXPECT_TRUE(side.session.Feed(DataFrame(1001, "mine")).ok());
  EXPECT_FALSE(side.session.Feed(DataFrame(1, "of the session before")).ok());
}

TEST(YamuxTolerance, WhatIsMeantForASessionBeforeIsPassedOverAndEnded) {
  Options options;
  options.first_stream = 1000;
  options.pipe_was_used = true;
  Side side(Role::kClient, options);
  EXPECT_EQ(*side.session.Open(), 1001U);
  side.session.OutputSent(side.session.PendingBytes());
  const std::string old = DataFrame(7, std::string(1000, 'x'));
  // In one piece and byte by byte, with what is ours behind it.
  EXPECT_TRUE(side.session.Feed(old + DataFrame(1001, "mine")).ok());
  for (const char byte : old + DataFrame(1001, "too")) {
    EXPECT_TRUE(side.session.Feed({&byte, 1}).ok());
  }
  EXPECT_TRUE(side.session.Feed(Bytes({0, FrameType::kWindowUpdate, kFin, 9, 0})).ok());
  EXPECT_TRUE(side.session.Feed(Bytes({0, FrameType::kWindowUpdate, kRst, 11, 0})).ok());
  EXPECT_EQ(side.events.data[1001], "minetoo");
  EXPECT_EQ(side.events.data.size(), 1U);
  const std::string reset7 = Bytes({0, FrameType::kWindowUpdate, kRst, 7, 0});
  EXPECT_EQ(side.session.PendingOutput(),
            reset7 + reset7 + Bytes({0, FrameType::kWindowUpdate, kRst, 9, 0}));
  EXPECT_EQ(side.session.stream_count(), 1U);
  // Streams that the peer opens with our ids are wrong all the same.
  EXPECT_FALSE(side.session.Feed(SynFrame(7)).ok());
}

TEST(YamuxTolerance, WhoSendsForOthersAndNeverReadsIsCutOff) {
  Options options;
  options.first_stream = 1000;
  options.pipe_was_used = true;
  Side side(Role::kClient, options);
  Status status;
  for (int i = 0; i < 100'000 && status.ok(); ++i) status = side.session.Feed(DataFrame(7, "x"));
  EXPECT_FALSE(status.ok());
}

TEST(YamuxBounds, StreamsOverTheLimitAreReset) {
  Options options;
  options.max_streams = 2;
  Side side(Role::kServer, options);
  EXPECT_TRUE(side.session.Feed(SynFrame(1) + SynFrame(3) + SynFrame(5)).ok());
  EXPECT_EQ(side.events.opened, (std::vector<StreamId>{1, 3}));
  EXPECT_EQ(side.session.Open().status().code(), StatusCode::kResourceExhausted);
  const std::string out(side.session.PendingOutput());
  EXPECT_EQ(out.substr(2 * kHeaderSize), Bytes({0, FrameType::kWindowUpdate, kRst, 5, 0}));
}

TEST(YamuxBounds, BacklogCountsWhatWasNotAnswered) {
  Options options;
  options.accept_backlog = 2;
  Side side(Role::kServer, options);
  EXPECT_TRUE(side.session.Feed(SynFrame(1) + SynFrame(3) + SynFrame(5)).ok());
  EXPECT_EQ(side.session.stream_count(), 2U);
  side.session.OutputSent(kHeaderSize);  // the first is answered now
  EXPECT_TRUE(side.session.Feed(SynFrame(7) + SynFrame(9)).ok());
  EXPECT_EQ(side.events.opened, (std::vector<StreamId>{1, 3, 7}));
}

TEST(YamuxBounds, RandomBytesNeverBreakIt) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    Side side(round % 2 == 0 ? Role::kServer : Role::kClient);
    std::string bytes(200, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 7);
    const Status status = side.session.Feed(bytes);
    EXPECT_EQ(status.ok(), !side.session.failed());
  }
}

}  // namespace
}  // namespace shoji::yamux

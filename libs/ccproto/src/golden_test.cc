// Frames written out by hand from the description of the protocol, byte for byte. The double of
// tests/cc is held against the same ones, so that both cannot be wrong in the same way.
#include <gtest/gtest.h>

#include <string>

#include "shoji/ccproto/frame.h"
#include "shoji/ccproto/messages.h"

namespace shoji::ccproto {
namespace {

std::string Hex(std::string_view text) {
  const auto digit = [](char c) {
    return static_cast<unsigned>(c >= 'a' ? c - 'a' + 10 : c - '0');
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    out.push_back(static_cast<char>(digit(text[i]) << 4U | digit(text[i + 1])));
    ++i;
  }
  return out;
}

void Golden(const Frame& frame, const std::string& bytes) {
  const auto encoded = Encode(frame);
  ASSERT_TRUE(encoded.ok());
  EXPECT_EQ(*encoded, bytes);
  FrameReader reader;
  reader.Add(bytes);
  const auto read = reader.Next();
  ASSERT_TRUE(read.ok() && read->has_value());
  EXPECT_EQ(**read, frame);
}

TEST(GoldenTest, RegisterVm) {
  const std::string json = ToJson({"pod", "/a/hyper.sock", "/a/tty.sock", "", 0});
  EXPECT_EQ(json, R"({"containerId":"pod","ctlSerial":"/a/hyper.sock","ioSerial":"/a/tty.sock"})");
  Golden({FrameType::kCommand, kRegisterVm, false, json},
         Hex("0002 03 000000 00 00 0000004a") + json);
}

TEST(GoldenTest, RegisterVmWithAllMembers) {
  EXPECT_EQ(ToJson({"p", "/c", "/i", "/con", 2}),
            R"({"containerId":"p","ctlSerial":"/c","ioSerial":"/i","console":"/con",)"
            R"("numIOStreams":2})");
}

TEST(GoldenTest, UnregisterVm) {
  Golden({FrameType::kCommand, kUnregisterVm, false, UnregisterVmJson("pod")},
         Hex("0002 03 000000 00 01 00000015 7b 22 63 6f 6e 74 61 69 6e 65 72 49 64 22 3a 22 70 6f "
             "64 22 7d"));
}

TEST(GoldenTest, AttachVm) {
  Golden({FrameType::kCommand, kAttachVm, false, AttachVmJson("pod", 1)},
         Hex("0002 03 000000 00 02 00000026") + R"({"containerId":"pod","numIOStreams":1})");
}

TEST(GoldenTest, Hyper) {
  const auto json = HyperJson("newcontainer", {"t0"}, R"({"id":"c"})");
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(*json, R"({"hyperName":"newcontainer","tokens":["t0"],"data":{"id":"c"}})");
  Golden({FrameType::kCommand, kHyper, false, *json}, Hex("0002 03 000000 00 03 0000003e") + *json);
  EXPECT_EQ(*HyperJson("ping", {}, ""), R"({"hyperName":"ping"})");
}

TEST(GoldenTest, ConnectShim) {
  Golden({FrameType::kCommand, kConnectShim, false, R"({"token":"dG9r"})"},
         Hex("0002 03 000000 00 04 00000010 7b 22 74 6f 6b 65 6e 22 3a 22 64 47 39 72 22 7d"));
}

TEST(GoldenTest, DisconnectShim) {
  Golden({FrameType::kCommand, kDisconnectShim, false, ""}, Hex("0002 03 000000 00 05 00000000"));
}

TEST(GoldenTest, Signal) {
  const std::string json = R"({"signalNumber":28,"columns":80,"rows":24})";
  Golden({FrameType::kCommand, kSignal, false, json}, Hex("0002 03 000000 00 06 0000002a") + json);
}

TEST(GoldenTest, Responses) {
  Golden({FrameType::kResponse, kAttachVm, false, ""}, Hex("0002 03 000000 01 02 00000000"));
  Golden({FrameType::kResponse, kConnectShim, true, R"({"msg":"no"})"},
         Hex("0002 03 000000 11 04 0000000c 7b 22 6d 73 67 22 3a 22 6e 6f 22 7d"));
}

TEST(GoldenTest, StreamsAndTheEnd) {
  Golden({FrameType::kStream, kStdin, false, "hi\n"}, Hex("0002 03 000000 02 00 00000003 68690a"));
  Golden({FrameType::kStream, kStdin, false, ""}, Hex("0002 03 000000 02 00 00000000"));
  Golden({FrameType::kStream, kStdout, false, Hex("00ff")},
         Hex("0002 03 000000 02 01 00000002 00ff"));
  Golden({FrameType::kStream, kStderr, false, "e"}, Hex("0002 03 000000 02 02 00000001 65"));
  Golden({FrameType::kStream, kLog, false, "{}"}, Hex("0002 03 000000 02 03 00000002 7b7d"));
  Golden({FrameType::kNotification, kProcessExited, false, Hex("89")},
         Hex("0002 03 000000 03 00 00000001 89"));
}

}  // namespace
}  // namespace shoji::ccproto

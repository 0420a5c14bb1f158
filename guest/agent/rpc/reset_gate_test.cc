#include "rpc/reset_gate.h"

#include <gtest/gtest.h>

#include <string>

namespace shoji::agent {
namespace {

const char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string Frame(char type, char stream, const std::string& body) {
  return std::string("\0\0", 2) + static_cast<char>(body.size()) + type + '\0' +
         std::string("\0\0\0", 3) + stream + body;
}

std::string Settings() { return Frame(4, 0, ""); }
std::string Headers(char stream) { return Frame(1, stream, "headers"); }
std::string Data(char stream) { return Frame(0, stream, "data"); }
std::string Reset(char stream) { return Frame(3, stream, std::string("\0\0\0\x8", 4)); }

// What comes out when `bytes` come in pieces of `size`.
std::string Through(const std::string& bytes, std::size_t size) {
  ResetGate gate;
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += size) {
    gate.Pass(std::string_view(bytes).substr(i, size), [&](std::string_view part) {
      EXPECT_FALSE(part.empty());
      out += part;
      return true;
    });
  }
  return out;
}

TEST(ResetGate, HandsOnWhatIsInOrder) {
  const std::string bytes =
      kPreface + Settings() + Headers(1) + Data(1) + Reset(1) + Headers(3) + Reset(1) + Reset(3);
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    EXPECT_EQ(Through(bytes, size), bytes) << size;
  }
}

TEST(ResetGate, TakesOutResetsOfStreamsThatWereNotOpened) {
  const std::string before = kPreface + Settings() + Headers(1);
  const std::string after = Headers(5) + Data(5);
  const std::string bytes = before + Reset(3) + after + Reset(7) + Reset(9) + Settings();
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    EXPECT_EQ(Through(bytes, size), before + after + Settings()) << size;
  }
}

TEST(ResetGate, LeavesWhatBreaksTheProtocolToBePunished) {
  const std::string bytes = kPreface + Frame(3, 3, "abc") + Frame(3, 0, "abcd") +
                            Frame(3, 2, "abcd") + std::string(50, '\xff');
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    // A head that is not complete is kept back.
    EXPECT_EQ(bytes.substr(0, Through(bytes, size).size()), Through(bytes, size)) << size;
  }
}

TEST(ResetGate, StopsWhenTold) {
  ResetGate gate;
  int calls = 0;
  gate.Pass(kPreface + Reset(1) + Settings(), [&](std::string_view) {
    ++calls;
    return false;
  });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace shoji::agent

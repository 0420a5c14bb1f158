#include "shoji/mux/serial_path.h"

#include <gtest/gtest.h>

namespace shoji::mux {
namespace {

TEST(SerialPathTest, OnlyUnixSockets) {
  EXPECT_EQ(*SerialPath("unix:///a/b"), "/a/b");
  EXPECT_EQ(*SerialPath("/a/b"), "/a/b");
  for (const char* url : {"vsock://3:1024", "hvsock:///x:1024"}) {
    const Status status = SerialPath(url).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("noproxy"), std::string::npos);
  }
  for (const char* url : {"", "unix://", "unix://relative", "tcp://h:1"}) {
    EXPECT_EQ(SerialPath(url).status().code(), StatusCode::kInvalidArgument) << url;
  }
}

}  // namespace
}  // namespace shoji::mux

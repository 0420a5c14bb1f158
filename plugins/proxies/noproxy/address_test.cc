#include "address.h"

#include <gmock/gmock.h>

namespace shoji::noproxy {
namespace {

TEST(Address, Vsock) {
  const auto address = ParseAddress("vsock://3:1024");
  ASSERT_TRUE(address.ok()) << address.status().message();
  EXPECT_EQ(address->cid, 3U);
  EXPECT_EQ(address->port, 1024U);
  EXPECT_EQ(address->path, "");
}

TEST(Address, HybridVsock) {
  const auto address = ParseAddress("hvsock:///run/a:b/clh.sock:1024");
  ASSERT_TRUE(address.ok()) << address.status().message();
  EXPECT_EQ(address->path, "/run/a:b/clh.sock");
  EXPECT_EQ(address->port, 1024U);
}

TEST(Address, ASerialChannelNeedsAProxy) {
  for (const char* url : {"unix:///run/kata.sock", "/run/kata.sock"}) {
    const Status status = ParseAddress(url).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), testing::HasSubstr("kataproxybuiltin"));
  }
}

TEST(Address, AllElseIsRefused) {
  for (const char* url :
       {"", "vsock://", "vsock://3", "vsock://3:", "vsock://:1024", "vsock://0:1024", "vsock://3:0",
        "vsock://3:-1", "vsock://x:1024", "vsock://4294967295:1024", "vsock://3:4294967296",
        "hvsock://relative:1024", "hvsock:///run/x", "hvsock://:1024", "tcp://host:1"}) {
    EXPECT_EQ(ParseAddress(url).status().code(), StatusCode::kInvalidArgument) << url;
  }
}

}  // namespace
}  // namespace shoji::noproxy

#include "settings.h"

#include <gmock/gmock.h>

#include "shoji/base/file.h"
#include "testing/etcd_server.h"

namespace shoji::etcd {
namespace {

using testing::HasSubstr;
using Pairs = std::vector<std::pair<std::string, std::string>>;

Result<Settings> Parse(const Pairs& pairs) {
  std::vector<shoji_option> items;
  for (const auto& [name, value] : pairs) items.push_back({sdk::ToStr(name), sdk::ToStr(value)});
  const shoji_options options = {sizeof(shoji_options), static_cast<std::uint32_t>(items.size()),
                                 items.data()};
  return Settings::FromOptions(sdk::OptionMap(&options));
}

TEST(Settings, Defaults) {
  const auto settings = Parse({});
  ASSERT_TRUE(settings.ok()) << settings.status().message();
  EXPECT_EQ(settings->Where(), "http://127.0.0.1:2379");
  EXPECT_FALSE(settings->endpoints[0].tls);
  EXPECT_EQ(settings->prefix, "/shoji/");
  EXPECT_EQ(settings->max_request_bytes, 1572864U);
}

TEST(Settings, EndpointsInTheirOrder) {
  const auto settings =
      Parse({{"endpoints", "http://a:1\nb:2\nunix:///run/e.sock\nhttp://[::1]:3/"}});
  ASSERT_TRUE(settings.ok()) << settings.status().message();
  ASSERT_EQ(settings->endpoints.size(), 4U);
  EXPECT_EQ(settings->endpoints[0].target, "dns:a:1");
  EXPECT_EQ(settings->endpoints[1].target, "dns:b:2");
  EXPECT_EQ(settings->endpoints[2].target, "unix:/run/e.sock");
  EXPECT_EQ(settings->endpoints[3].target, "dns:[::1]:3");
}

TEST(Settings, BadEndpointsAreNamed) {
  for (const char* bad : {"http://", "host", "host:", "host:0", "host:65536", "host:x", "ftp://h:1",
                          "unix://relative", "unix://", ":2379", "http://a:1/path",
                          "http://user@h:1", "::1:2379", "a b:1"}) {
    const auto settings = Parse({{"endpoints", bad}});
    EXPECT_EQ(settings.status().code(), StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(settings.status().message(), HasSubstr("\"" + std::string(bad) + "\""));
  }
}

TEST(Settings, PrefixEndsWithASlash) {
  EXPECT_EQ(Parse({{"prefix", "/a/b"}})->prefix, "/a/b/");
  EXPECT_EQ(Parse({{"prefix", "/a/"}})->prefix, "/a/");
  EXPECT_EQ(Parse({{"prefix", std::string(300, 'x')}}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(Settings, LimitsHaveLimits) {
  for (const Pairs& bad :
       {Pairs{{"max_request_bytes", "100"}}, Pairs{{"max_request_bytes", "x"}},
        Pairs{{"timeout", "0"}}, Pairs{{"timeout", "-5"}}, Pairs{{"max_txn_ops", "1"}}}) {
    const auto settings = Parse(bad);
    EXPECT_EQ(settings.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(settings.status().message(), HasSubstr(bad[0].first));
  }
}

TEST(Settings, CertificatesAreReadAndChecked) {
  const TestDir dir;
  const std::string pem = dir.path() + "/a.pem";
  ASSERT_TRUE(WriteFile(pem, "-----BEGIN CERTIFICATE-----\n").ok());
  ASSERT_TRUE(WriteFile(dir.path() + "/empty", "").ok());
  EXPECT_TRUE(Parse({{"ca_file", pem}})->endpoints[0].tls);
  EXPECT_THAT(Parse({{"ca_file", dir.path() + "/none"}}).status().message(), HasSubstr("none"));
  EXPECT_THAT(Parse({{"ca_file", dir.path() + "/empty"}}).status().message(), HasSubstr("PEM"));
  EXPECT_THAT(Parse({{"cert_file", pem}}).status().message(), HasSubstr("key_file"));
  EXPECT_THAT(Parse({{"ca_file", pem}, {"endpoints", "http://h:1"}}).status().message(),
              HasSubstr("without TLS"));
}

TEST(Settings, APasswordNeedsAUser) {
  EXPECT_THAT(Parse({{"password", "secret"}}).status().message(), HasSubstr("username"));
  EXPECT_THAT(Parse({{"password", "secret"}}).status().message(), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace shoji::etcd

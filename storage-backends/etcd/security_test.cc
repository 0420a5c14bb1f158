// TLS, client certificates, users and roles.
#include "shoji/base/file.h"
#include "shoji/sdk/testing/fake_host.h"
#include "testing/fixture.h"

namespace shoji::etcd {
namespace {

using testing::HasSubstr;

std::string File(const EtcdServer& server, const std::string& name) {
  return ReadFile(server.dir() + "/" + name).value();
}

Settings Patient(const EtcdServer& server) {
  Settings settings = SettingsFor(server);
  settings.timeout = std::chrono::seconds(10);
  return settings;
}

Status OpenStatus(const Settings& settings) {
  return EtcdStore::OpenWith(settings, Password("")).status();
}

class TlsTest : public ServerTest {
 protected:
  static void SetUpTestSuite() { StartServer({true, true, {}}); }
};

TEST_F(TlsTest, WorksWithTheRightCertificates) {
  auto store = Open();
  ASSERT_NE(store, nullptr);
  const std::string value = Filled(3U << 20U, 1);
  EXPECT_TRUE(store->Save(nullptr, "k", value).ok());
  EXPECT_TRUE(store->Load(nullptr, "k").value() == value);
}

TEST_F(TlsTest, AnotherAuthorityIsRefused) {
  Settings settings = Patient(Server());
  settings.ca_pem = File(Server(), "other-ca.pem");
  const Status status = OpenStatus(settings);
  EXPECT_EQ(status.code(), StatusCode::kUnauthenticated) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("ca_file"));
}

TEST_F(TlsTest, AnotherNameIsRefused) {
  Settings settings = Patient(Server());
  std::string text = settings.endpoints[0].text;  // the certificate says 127.0.0.1
  text.replace(text.find("127.0.0.1"), 9, "127.0.0.2");
  settings.endpoints = {ParseEndpoint(text, true).value()};
  EXPECT_FALSE(OpenStatus(settings).ok());
}

TEST_F(TlsTest, AClientWithoutTlsIsToldToUseIt) {
  Settings settings = Patient(Server());
  std::string text = settings.endpoints[0].text;
  text.replace(0, 5, "http");
  settings.endpoints = {ParseEndpoint(text, false).value()};
  const Status status = OpenStatus(settings);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("https://"));
}

TEST_F(TlsTest, TlsToAServerWithoutItIsTold) {
  EtcdServer plain;
  ASSERT_TRUE(plain.Start({true, false, {}}).ok());
  Settings settings = Patient(Server());
  settings.endpoints = {ParseEndpoint("https" + plain.Endpoint().substr(4), true).value()};
  const Status status = OpenStatus(settings);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("http://"));
}

TEST_F(TlsTest, AKeyThatDoesNotFitIsTold) {
  Settings settings = Patient(Server());
  settings.cert_pem = File(Server(), "client.pem");
  settings.key_pem = File(Server(), "server.key");
  const Status status = OpenStatus(settings);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("key_file"));
}

class ClientCertificateTest : public ServerTest {
 protected:
  static void SetUpTestSuite() {
    StartServer({true, true, {"--client-cert-auth", "--trusted-ca-file=ca.pem"}});
  }
};

TEST_F(ClientCertificateTest, WorksWithOne) {
  Settings settings = Chosen();
  settings.cert_pem = File(Server(), "client.pem");
  settings.key_pem = File(Server(), "client.key");
  auto store = OpenWith(settings);
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(store->Save(nullptr, "k", "v").ok());
  EXPECT_EQ(store->Load(nullptr, "k").value(), "v");
}

TEST_F(ClientCertificateTest, WithoutOneTheOptionsAreNamed) {
  const Status status = OpenStatus(Patient(Server()));
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("cert_file"));
}

TEST_F(ClientCertificateTest, OneOfAnotherAuthorityIsRefused) {
  Settings settings = Patient(Server());
  settings.cert_pem = File(Server(), "other-ca.pem");
  settings.key_pem = File(Server(), "other-ca.key");
  const Status status = OpenStatus(settings);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("cert_file"));
}

class UsersTest : public ServerTest {
 protected:
  static void SetUpTestSuite() {
    StartServer({false, false, {"--bcrypt-cost=4"}});
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"user", "add", "root:rootpw"},
             {"role", "add", "root"},
             {"user", "grant-role", "root", "root"},
             {"user", "add", "ann:annpw"},
             {"role", "add", "shoji"},
             {"role", "grant-permission", "--prefix", "shoji", "readwrite", "/ann/"},
             {"user", "grant-role", "ann", "shoji"},
             {"auth", "enable"}}) {
      Ctl(command);
    }
  }
  static Settings Ann() {
    Settings settings = SettingsFor(Server());
    settings.username = "ann";
    settings.prefix = "/ann/";
    return settings;
  }
};

TEST_F(UsersTest, WorkWithTheirPassword) {
  auto store = EtcdStore::OpenWith(Ann(), Password("annpw"));
  ASSERT_TRUE(store.ok()) << store.status().message();
  const std::string value = Filled(3U << 20U, 1);
  Status status = (*store)->Save(nullptr, "k", value);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE((*store)->Load(nullptr, "k").value() == value);
  EXPECT_EQ((*store)->Scan(nullptr, "").value().size(), 1U);
  EXPECT_TRUE((*store)->Remove(nullptr, "k").ok());
}

// Knows one secret.
std::int32_t ReadSecret(const shoji_host* host, shoji_str reference, const shoji_sink* ret_secret,
                        shoji_error* err) {
  if (sdk::View(reference) == "env:ANN") return ret_secret->write(ret_secret->ctx, "annpw", 5);
  host->error_set(err, SHOJI_NOT_FOUND, 0, sdk::ToStr("no such secret"));
  return SHOJI_NOT_FOUND;
}

TEST_F(UsersTest, ThePasswordIsLookedUpByTheHost) {
  const std::string endpoint = Server().Endpoint();
  const auto open = [&endpoint](const sdk::testing::FakeHost& fake, const std::string& password) {
    const sdk::Host host(fake.raw());
    const shoji_option items[] = {{sdk::ToStr("endpoints"), sdk::ToStr(endpoint)},
                                  {sdk::ToStr("prefix"), sdk::ToStr("/ann")},
                                  {sdk::ToStr("username"), sdk::ToStr("ann")},
                                  {sdk::ToStr("password"), sdk::ToStr(password)}};
    const shoji_options options = {sizeof(shoji_options), 4, items};
    return EtcdStore::Open(host, sdk::OptionMap(&options)).status();
  };
  sdk::testing::FakeHost with;
  const shoji_secrets_v1 secrets = {sizeof(shoji_secrets_v1), 0, ReadSecret};
  with.AddService(SHOJI_SECRETS_V1, &secrets);
  EXPECT_TRUE(open(with, "env:ANN").ok());
  EXPECT_EQ(open(with, "env:BOB").code(), StatusCode::kNotFound);
  sdk::testing::FakeHost without;
  without.RemoveService(SHOJI_SECRETS_V1);
  EXPECT_TRUE(open(without, "text:annpw").ok());
  EXPECT_TRUE(open(without, "annpw").ok());
  EXPECT_EQ(open(without, "env:ANN").code(), StatusCode::kFailedPrecondition);
}

TEST_F(UsersTest, AWrongPasswordIsUnauthenticatedAndNotShown) {
  const Status status = EtcdStore::OpenWith(Ann(), Password("wr0ng")).status();
  EXPECT_EQ(status.code(), StatusCode::kUnauthenticated) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("\"ann\""));
  EXPECT_THAT(status.message(), Not(HasSubstr("wr0ng")));
}

TEST_F(UsersTest, NobodyIsUnauthenticated) {
  const Status status = OpenStatus(SettingsFor(Server()));
  EXPECT_EQ(status.code(), StatusCode::kUnauthenticated) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("username"));
}

TEST_F(UsersTest, OutsideTheirPrefixTheyMayNot) {
  Settings settings = Ann();
  settings.prefix = "/bob/";
  const Status status = EtcdStore::OpenWith(settings, Password("annpw")).status();
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("/bob/"));
}

TEST_F(UsersTest, APasswordThatCannotBeReadIsTold) {
  const Status status = EtcdStore::OpenWith(Ann(), [] {
                          return Result<std::string>(NotFound("no such file"));
                        }).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("option password"));
}

TEST_F(UsersTest, AnInvalidTokenIsRenewedOnce) {
  int asked = 0;
  auto store = EtcdStore::OpenWith(Ann(), [&asked] {
    ++asked;
    return Result<std::string>("annpw");
  });
  ASSERT_TRUE(store.ok()) << store.status().message();
  ASSERT_TRUE((*store)->Save(nullptr, "k", "v").ok());
  EXPECT_EQ(asked, 1);
  // Every token of ann's ends with a new password, even the same.
  const Result<std::string> changed =
      RunProgram({"sh", "-c",
                  "echo annpw | etcdctl --endpoints=unix://c:1 --user=root:rootpw user passwd "
                  "--interactive=false ann"},
                 Server().dir());
  ASSERT_TRUE(changed.ok()) << changed.status().message();
  const Status saved = (*store)->Save(nullptr, "k", "w");
  EXPECT_TRUE(saved.ok()) << saved.message();
  EXPECT_EQ(asked, 2);
  EXPECT_EQ((*store)->Load(nullptr, "k").value(), "w");
}

class NoUsersTest : public ServerTest {};

TEST_F(NoUsersTest, AUserWhomNobodyAsksForDoesNoHarm) {
  Settings settings = Chosen();
  settings.username = "ann";
  auto store = OpenWith(settings);
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(store->Save(nullptr, "k", "v").ok());
}

}  // namespace
}  // namespace shoji::etcd

#include "plugin/trust_policy.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "config/config.h"
#include "plugin/file_bytes.h"
#include "plugin/plugin_host.h"
#include "shoji/base/file.h"
#include "shoji/minisign/sha2.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

using testing::HasSubstr;

std::string DigestOf(const std::string& bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Hex();
}

class TrustPolicyTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/test-policy-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
    ASSERT_EQ(chmod(path, 0755), 0);
    ASSERT_TRUE(MakeDirs(dir_ + "/plugins").ok());
    bytes_ = ReadFile(SHOJI_TEST_PLUGIN_DIR "/vendor.so").value();
    file_ = dir_ + "/plugins/kv.so";
    ASSERT_TRUE(WriteFile(file_, bytes_).ok());
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }

  // Reads `text` as the configuration.
  Result<TrustPolicy> Policy(const std::string& text) {
    EXPECT_TRUE(WriteFile(dir_ + "/c.toml", text).ok());
    Config::Sources sources;
    sources.use_environment = false;
    sources.files = {dir_ + "/c.toml"};
    Result<Config> config = Config::Load(CoreOptions(), sources);
    if (!config.ok()) return config.status();
    return TrustPolicy::FromConfig(*config);
  }
  std::string PolicyError(const std::string& text) {
    const Status status = Policy(text).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << text;
    const std::string where = dir_ + "/c.toml";
    EXPECT_EQ(status.message().compare(0, where.size(), where), 0) << status.message();
    return status.message().substr(std::min(where.size(), status.message().size()));
  }
  // Opens the plugin under the policy. "ok: " and the trust, or the error.
  std::string Open(const std::string& text, const std::string& id = "com.example.kv") {
    Result<TrustPolicy> policy = Policy(text);
    if (!policy.ok()) return policy.status().message();
    PluginScan scan = PluginScan::Run({{dir_ + "/plugins"}, *policy});
    std::vector<OptionSpec> specs = CoreOptions();
    scan.AppendOptions(&specs);
    Config::Sources sources;
    sources.use_environment = false;
    Result<Config> config = Config::Load(specs, sources);
    if (!config.ok()) return config.status().message();
    PluginHost::Options options;
    options.scan = std::move(scan);
    options.config = &*config;
    auto host = PluginHost::Create(std::move(options)).value();
    const auto store = host->OpenStore(id);
    if (!store.ok()) return store.status().message();
    for (const PluginInfo& info : host->List()) {
      if (info.id == id) return "ok: " + info.trust;
    }
    return "not listed";
  }

  std::string dir_;
  std::string bytes_;
  std::string file_;
};

const char kKey[] = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

TEST_F(TrustPolicyTest, TheConfigurationIsChecked) {
  EXPECT_EQ(PolicyError("[plugins]\ntrust = \"everybody\"\n"),
            ":2: option \"plugins.trust\": \"everybody\" is not known; write owner, pinned or "
            "signed");
  EXPECT_THAT(PolicyError("[plugins.pins]\nkv = \"sha256:00\"\n"), HasSubstr(":2: option "));
  EXPECT_THAT(PolicyError("[plugins.pins]\nkv = \"sha256:00\"\n"), HasSubstr("e.g. \"store.kv\""));
  EXPECT_THAT(PolicyError("[plugins.pins]\n\"store.kv\" = \"sha256:00\"\n"),
              HasSubstr("is no digest"));
  EXPECT_THAT(
      PolicyError("[plugins.pins]\n\"store.kv\" = \"sha512:" + std::string(64, '0') + "\"\n"),
      HasSubstr("is no digest"));
  const std::string key = "[plugins.keys.me]\nkey = \"" + std::string(kKey) + "\"\n";
  EXPECT_THAT(PolicyError("[plugins.keys.me]\nkey = \"RWabc\"\n"
                          "vendor = \"com.me.\"\nkinds = [\"store\"]\n"),
              HasSubstr(":2: option \"plugins.keys.me.key\": not a minisign public key"));
  EXPECT_THAT(PolicyError(key), HasSubstr("plugins.keys.me has no \"vendor\""));
  EXPECT_THAT(PolicyError(key + "vendor = \"com.me.\"\n"), HasSubstr("has no \"kinds\""));
  EXPECT_THAT(PolicyError("[plugins.keys.me]\nvendor = \"com.me.\"\n"),
              HasSubstr("has no \"key\""));
  EXPECT_THAT(PolicyError(key + "vendor = \"com.me\"\nkinds = [\"store\"]\n"),
              HasSubstr("end with a dot"));
  EXPECT_THAT(PolicyError(key + "vendor = \"com.me.\"\nkinds = [\"teapot\"]\n"),
              HasSubstr("\"teapot\" is not a kind"));
  EXPECT_THAT(PolicyError("[plugins]\nrevoked = [\"E762\"]\n"), HasSubstr("16 hexadecimal digits"));
  EXPECT_TRUE(Policy(key + "vendor = \"com.me.\"\nkinds = [\"store\"]\n"
                           "[plugins]\nrevoked = [\"e7620f1842b4e81f\"]\n")
                  .ok());
}

TEST_F(TrustPolicyTest, APinHasToMatch) {
  const std::string pins = "[plugins.pins]\n\"store.com.example.kv\" = \"sha256:";
  const std::string good = pins + DigestOf(bytes_) + "\"\n";
  const std::string trust = "plugins.trust = \"pinned\"\n";
  EXPECT_EQ(Open(trust + good), "ok: pinned: sha256:" + DigestOf(bytes_));
  EXPECT_THAT(Open(trust), HasSubstr("plugins.pins has no \"store.com.example.kv\""));
  EXPECT_THAT(Open(trust + pins + std::string(64, '0') + "\"\n"),
              HasSubstr("is refused: its digest is sha256:" + DigestOf(bytes_)));
  // A pin counts under each policy.
  EXPECT_THAT(Open(pins + std::string(64, '0') + "\"\n"), HasSubstr("its digest is"));
  EXPECT_THAT(Open(""), testing::StartsWith("ok: owner: "));
  // Who may write is asked as before.
  ASSERT_EQ(chmod(file_.c_str(), 0666), 0);
  EXPECT_THAT(Open(trust + good), HasSubstr("chmod go-w"));
}

TEST_F(TrustPolicyTest, OneBitLessAndThePinIsBroken) {
  const std::string text = "plugins.trust = \"pinned\"\n[plugins.pins]\nstore.com.example.kv = \"" +
                           DigestOf(bytes_) + "\"\n";
  EXPECT_THAT(Open(text), HasSubstr("ok: "));
  bytes_.back() = static_cast<char>(bytes_.back() ^ 1);
  // By another file: the first one is loaded, and truncating it would take its pages away.
  ASSERT_TRUE(WriteFileAtomic(file_, bytes_).ok());
  EXPECT_THAT(Open(text), HasSubstr("its digest is"));
}

// The program's own directory of plugins stands for itself, but not for vendors.
TEST_F(TrustPolicyTest, WhatComesWithTheProgramNeedsNothing) {
  const TrustPolicy policy = *Policy("plugins.trust = \"signed\"\n");
  EXPECT_TRUE(policy.Screen({"store", "filesystem", "/p/x.so", true}).ok());
  EXPECT_FALSE(policy.Screen({"store", "filesystem", "/p/x.so", false}).ok());
  EXPECT_FALSE(policy.Screen({"store", "com.example.kv", "/p/x.so", true}).ok());
  const auto verified = policy.Verify({"store", "filesystem", file_, true}, UniqueFd());
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ(verified->trust, "comes with the program");
}

class SignedTest : public TrustPolicyTest {
 protected:
  void SetUp() override {
    TrustPolicyTest::SetUp();
    if (!PathExists("/usr/bin/minisign")) GTEST_SKIP() << "the program minisign is not installed";
    NewKey("key");
    key_ = LastLine(dir_ + "/key.pub");
  }
  void NewKey(const std::string& name) {
    Minisign({"-G", "-W", "-p", dir_ + "/" + name + ".pub", "-s", dir_ + "/" + name + ".sec"});
  }
  void Sign(const std::string& key = "key") {
    Minisign({"-S", "-s", dir_ + "/" + key + ".sec", "-m", file_});
  }
  static void Minisign(std::vector<std::string> arguments) {
    SpawnOptions options;
    options.argv = {"/usr/bin/minisign"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    const auto result = RunCommand(options, Deadline::After(std::chrono::seconds(60)));
    ASSERT_TRUE(result.ok()) << result.status().message();
    ASSERT_EQ(result->exit.code, 0) << result->output;
  }
  static std::string LastLine(const std::string& path) {
    std::string text = ReadFile(path).value();
    text.pop_back();
    return text.substr(text.rfind('\n') + 1);
  }
  std::string KeyId() { return minisign::ParsePublicKey(key_)->id; }
  std::string Signed(const std::string& vendor = "com.example.",
                     const std::string& kinds = "\"store\"", const std::string& more = "") {
    return "[plugins]\ntrust = \"signed\"\n" + more + "[plugins.keys.example]\nkey = \"" + key_ +
           "\"\nvendor = \"" + vendor + "\"\nkinds = [" + kinds + "]\n";
  }
  std::string key_;
};

TEST_F(SignedTest, AGoodSignatureLoads) {
  Sign();
  EXPECT_EQ(Open(Signed()), "ok: signed by key " + KeyId() + " (example)");
  EXPECT_EQ(Open(Signed("com.", "\"shim\", \"store\"")),
            "ok: signed by key " + KeyId() + " (example)");
}

TEST_F(SignedTest, WhatIsNotSignedIsRefused) {
  EXPECT_THAT(Open(Signed()), HasSubstr("there is no signature " + file_ + ".minisig"));
  ASSERT_TRUE(WriteFile(file_ + ".minisig", "nonsense").ok());
  EXPECT_THAT(Open(Signed()), HasSubstr("not a minisign signature"));
  ASSERT_TRUE(RemoveFile(file_ + ".minisig").ok());
  ASSERT_EQ(mkfifo((file_ + ".minisig").c_str(), 0600), 0);
  EXPECT_THAT(Open(Signed()), HasSubstr("is not a regular file"));
}

TEST_F(SignedTest, AnotherFileIsRefused) {
  Sign();
  bytes_.back() = static_cast<char>(bytes_.back() ^ 1);
  ASSERT_TRUE(WriteFile(file_, bytes_).ok());
  EXPECT_THAT(Open(Signed()), HasSubstr("the file is not what was signed"));
}

TEST_F(SignedTest, KeysAreBoundToVendorsAndKinds) {
  Sign();
  EXPECT_THAT(Open(Signed("org.other.")),
              HasSubstr("which may sign ids that begin with \"org.other.\" of the kinds store, not "
                        "the store plugin \"com.example.kv\""));
  EXPECT_THAT(Open(Signed("com.example.", "\"shim\"")), HasSubstr("of the kinds shim"));
  NewKey("other");
  Sign("other");
  EXPECT_THAT(Open(Signed()), HasSubstr("which plugins.keys does not have"));
}

TEST_F(SignedTest, ARevokedKeyIsRefusedWhoeverHasIt) {
  Sign();
  EXPECT_THAT(Open(Signed("com.example.", "\"store\"", "revoked = [\"" + KeyId() + "\"]\n")),
              HasSubstr("is signed by key " + KeyId() + ", which plugins.revoked names"));
}

// The bytes that were verified are the ones that run, also when they came from a file that
// not only root may write.
TEST_F(TrustPolicyTest, ACopyIsSealedAndHoldsTheSameBytes) {
  const UniqueFd file(open(file_.c_str(), O_RDONLY | O_CLOEXEC));
  std::string seen;
  const auto copy =
      ReadIntoSealedCopy(file.get(), [&](std::string_view bytes) { seen.append(bytes); });
  ASSERT_TRUE(copy.ok()) << copy.status().message();
  EXPECT_EQ(seen, bytes_);
  EXPECT_EQ(pwrite(copy->get(), "x", 1, 0), -1);
  EXPECT_EQ(ftruncate(copy->get(), 0), -1);
  EXPECT_EQ(ReadFile("/proc/self/fd/" + std::to_string(copy->get())).value(), bytes_);
}

TEST_F(TrustPolicyTest, AnOrdinaryUsersPluginIsLoadedFromACopy) {
  if (geteuid() != 0) GTEST_SKIP() << "needs to become another user";
  constexpr uid_t kSomebody = 65534;
  for (const std::string& path : {dir_, dir_ + "/plugins", file_}) {
    ASSERT_EQ(chown(path.c_str(), kSomebody, kSomebody), 0);
  }
  const std::string text = "plugins.trust = \"pinned\"\n[plugins.pins]\nstore.com.example.kv = \"" +
                           DigestOf(bytes_) + "\"\n";
  const pid_t child = fork();
  if (child == 0) {
    if (setresuid(kSomebody, kSomebody, kSomebody) != 0) _exit(9);
    if (Open(text) != "ok: pinned: sha256:" + DigestOf(bytes_)) _exit(8);
    std::ifstream maps("/proc/self/maps");
    const std::string mapped{std::istreambuf_iterator<char>(maps), {}};
    _exit(mapped.find("memfd:shoji-plugin") != std::string::npos &&
                  mapped.find(file_) == std::string::npos
              ? 0
              : 7);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace shoji

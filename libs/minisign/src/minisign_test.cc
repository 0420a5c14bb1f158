#include "shoji/minisign/minisign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>
#include <stdlib.h>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/minisign/sha2.h"
#include "shoji/spawn/spawn.h"

namespace shoji::minisign {
namespace {

using testing::HasSubstr;

std::string Base64(const std::string& bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.resize(text.find('\0'));
  return text;
}

// The other side: makes keys and signatures from a number.
class Signer {
 public:
  explicit Signer(unsigned char number) : id_(8, static_cast<char>(number)) {
    unsigned char seed[crypto_sign_SEEDBYTES] = {number};
    crypto_sign_seed_keypair(public_, secret_, seed);
  }
  std::string PublicText() const {
    return Base64("Ed" + id_ + std::string(reinterpret_cast<const char*>(public_), 32));
  }
  std::string Sign(const std::string& message) const {
    std::string signature(64, '\0');
    crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr,
                         reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                         secret_);
    return signature;
  }
  // The four lines. `comment` is what is written, `signed_comment` what is signed.
  std::string File(const std::string& algorithm, const std::string& message,
                   const std::string& comment = "by a test",
                   const std::string& signed_comment = "by a test") const {
    const std::string signature = Sign(algorithm == "ED" ? Blake(message) : message);
    return "untrusted comment: any\n" + Base64(algorithm + id_ + signature) +
           "\ntrusted comment: " + comment + "\n" + Base64(Sign(signature + signed_comment)) + "\n";
  }

 private:
  static std::string Blake(const std::string& message) {
    std::string hash(64, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                       reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                       nullptr, 0);
    return hash;
  }

  std::string id_;
  unsigned char public_[crypto_sign_PUBLICKEYBYTES];
  unsigned char secret_[crypto_sign_SECRETKEYBYTES];
};

const char kMessage[] = "the bytes of a plugin";

// Why `text` does not verify `message`; "" when it does.
std::string Check(const std::string& key_text, const std::string& text,
                  const std::string& message = kMessage) {
  const Result<PublicKey> key = ParsePublicKey(key_text);
  if (!key.ok()) return key.status().message();
  const Result<Signature> signature = ParseSignature(text);
  if (!signature.ok()) return signature.status().message();
  Verifier verifier(*signature);
  for (const char c : message) verifier.Update(std::string_view(&c, 1));
  return verifier.Verify(*key).message();
}

TEST(Minisign, BothKindsOfSignatureHold) {
  const Signer signer(1);
  for (const char* algorithm : {"Ed", "ED"}) {
    const std::string file = signer.File(algorithm, kMessage);
    EXPECT_EQ(Check(signer.PublicText(), file), "");
    EXPECT_EQ(ParseSignature(file)->prehashed, algorithm == std::string("ED"));
    EXPECT_EQ(ParseSignature(file)->trusted_comment, "by a test");
    EXPECT_EQ(ParseSignature(file)->key_id, "0101010101010101");
    EXPECT_EQ(Check(signer.PublicText(), signer.File(algorithm, ""), ""), "");
  }
}

TEST(Minisign, WhatWasChangedIsRefused) {
  const Signer signer(1);
  for (const char* algorithm : {"Ed", "ED"}) {
    const std::string file = signer.File(algorithm, kMessage);
    EXPECT_THAT(Check(signer.PublicText(), file, "other bytes"), HasSubstr("not what was signed"));
    EXPECT_THAT(Check(signer.PublicText(), file, std::string(kMessage) + "\n"),
                HasSubstr("not what was signed"));
    EXPECT_THAT(Check(signer.PublicText(), signer.File(algorithm, kMessage, "for free")),
                HasSubstr("trusted comment of the signature by key 0101010101010101 was changed"));
    EXPECT_EQ(Check(Signer(2).PublicText(), file),
              "the signature is by key 0101010101010101, not by 0202020202020202");
  }
  // An "Ed" signature over the hash must not pass for an "ED" signature, nor the reverse.
  std::string file = signer.File("ED", kMessage);
  const std::string other = signer.File("Ed", kMessage);
  const auto line2 = [](const std::string& text) { return Split(text, '\n')[1]; };
  std::string forged = line2(file);
  forged.replace(0, 3, line2(other).substr(0, 3));
  file.replace(file.find(line2(file)), forged.size(), forged);
  EXPECT_THAT(Check(signer.PublicText(), file), HasSubstr("not what was signed"));
}

// The id is not part of what is signed: a forged one must not lead to another key.
TEST(Minisign, AnotherKeyUnderTheSameIdIsRefused) {
  const Signer signer(1);
  const std::string real = signer.PublicText();
  const auto key = ParsePublicKey(Signer(2).PublicText());
  ASSERT_TRUE(key.ok());
  PublicKey forged = *key;
  forged.id = "0101010101010101";
  const auto signature = ParseSignature(signer.File("ED", kMessage));
  ASSERT_TRUE(signature.ok());
  Verifier verifier(*signature);
  verifier.Update(kMessage);
  EXPECT_EQ(verifier.Verify(forged).code(), StatusCode::kPermissionDenied);
}

TEST(Minisign, EachFlippedBitIsNoticed) {
  const Signer signer(1);
  const std::string file = signer.File("ED", kMessage);
  const std::size_t begin = file.find('\n') + 1;
  for (std::size_t at = begin; at < file.size(); ++at) {
    std::string changed = file;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    // The last character of a base64 text may have bits that mean nothing; libsodium refuses them.
    EXPECT_NE(Check(signer.PublicText(), changed), "") << "at " << at << ": " << changed;
  }
}

TEST(Minisign, TextThatIsNoSignature) {
  const auto error = [](const std::string& text) {
    const auto signature = ParseSignature(text);
    return signature.ok() ? std::string("none") : signature.status().message();
  };
  const std::string good = Signer(1).File("ED", kMessage);
  const std::vector<std::string> lines = Split(good, '\n');
  EXPECT_EQ(error(""), "not a minisign signature: it has 0 lines instead of 4");
  EXPECT_THAT(error(lines[0] + "\n" + lines[1] + "\n"), HasSubstr("2 lines instead of 4"));
  EXPECT_THAT(error(good + "more\n"), HasSubstr("5 lines"));
  EXPECT_THAT(error("x" + good), HasSubstr("line 1"));
  EXPECT_THAT(error(lines[0] + "\n!!!\n" + lines[2] + "\n" + lines[3]), HasSubstr("line 2"));
  EXPECT_THAT(error(lines[0] + "\n" + lines[1] + "A\n" + lines[2] + "\n" + lines[3]),
              HasSubstr("line 2"));
  EXPECT_THAT(error(lines[0] + "\n" + lines[1] + "\ncomment: x\n" + lines[3]), HasSubstr("line 3"));
  EXPECT_THAT(error(lines[0] + "\n" + lines[1] + "\n" + lines[2] + "\nAAAA"), HasSubstr("line 4"));
  EXPECT_THAT(error(lines[0] + "\n" + Base64("XX" + std::string(72, 'x')) + "\n" + lines[2] + "\n" +
                    lines[3]),
              HasSubstr("another algorithm"));
  EXPECT_THAT(error(lines[0] + "\n" + lines[1] + "\n" + lines[2] + std::string(2000, 'x') + "\n" +
                    lines[3]),
              HasSubstr("too long"));
  EXPECT_THAT(error(std::string(1 << 20, '\n')), HasSubstr("8 KiB"));
  EXPECT_THAT(error(std::string("\0\0\0\n\0\n\n\n", 8)), HasSubstr("line 1"));
  for (std::size_t size = 0; size < good.size() - 1; ++size) {
    EXPECT_NE(error(good.substr(0, size)), "none") << size;
  }
  // Line ends of another system are no reason to refuse.
  std::string crlf;
  for (const char c : good) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(Check(Signer(1).PublicText(), crlf), "");
}

TEST(Minisign, PublicKeys) {
  const std::string text = Signer(7).PublicText();
  EXPECT_EQ(text.substr(0, 2), "RW");
  EXPECT_EQ(ParsePublicKey(text)->id, "0707070707070707");
  EXPECT_EQ(ParsePublicKey("untrusted comment: k\n" + text + "\n")->id, "0707070707070707");
  for (const std::string& bad :
       {std::string(), std::string("RW"), text + "A", text.substr(1), "x\n" + text,
        text + "\n" + text, std::string(100000, 'A'), Base64(std::string(42, 'x')).substr(0, 50)}) {
    const auto key = ParsePublicKey(bad);
    ASSERT_FALSE(key.ok()) << bad;
    EXPECT_THAT(key.status().message(), HasSubstr("not a minisign public key"));
  }
  EXPECT_THAT(ParsePublicKey(Base64(std::string(42, 'x'))).status().message(),
              HasSubstr("another algorithm"));
  EXPECT_TRUE(IsKeyId("E7620F1842B4E81F"));
  EXPECT_FALSE(IsKeyId("E7620F1842B4E81"));
  EXPECT_FALSE(IsKeyId("E7620F1842B4E81X"));
}

// What the original program makes.
class Interop : public testing::Test {
 protected:
  void SetUp() override {
#ifndef MINISIGN
    GTEST_SKIP() << "the program minisign is not installed";
#endif
    char path[] = "/tmp/test-minisign-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
    Minisign({"-G", "-W", "-p", dir_ + "/key.pub", "-s", dir_ + "/key.sec"});
    ASSERT_TRUE(WriteFile(dir_ + "/file", kMessage).ok());
  }
  void TearDown() override {
    if (dir_.empty()) return;
    EXPECT_TRUE(RemoveTree(dir_).ok());
  }
  std::string Read(const std::string& name) { return ReadFile(dir_ + "/" + name).value(); }
  static void Minisign(const std::vector<std::string>& arguments) {
#ifdef MINISIGN
    SpawnOptions options;
    options.argv = {MINISIGN};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    const auto result = RunCommand(options, Deadline::After(std::chrono::seconds(60)));
    ASSERT_TRUE(result.ok()) << result.status().message();
    ASSERT_EQ(result->exit.code, 0) << result->output;
#else
    (void)arguments;
#endif
  }
  std::string dir_;
};

TEST_F(Interop, SignaturesOfTheProgramVerify) {
  for (const bool legacy : {false, true}) {
    std::vector<std::string> arguments = {"-S",           "-s", dir_ + "/key.sec", "-t",
                                          "for x86 only", "-m", dir_ + "/file"};
    if (legacy) arguments.insert(arguments.begin() + 1, "-l");
    Minisign(arguments);
    const std::string signature = Read("file.minisig");
    EXPECT_EQ(ParseSignature(signature)->prehashed, !legacy);
    EXPECT_EQ(ParseSignature(signature)->trusted_comment, "for x86 only");
    EXPECT_EQ(Check(Read("key.pub"), signature), "");
    EXPECT_THAT(Check(Read("key.pub"), signature, "other"), HasSubstr("not what was signed"));
    // The program prints the id in its comment, without zeros in front.
    const std::string id = ParseSignature(signature)->key_id;
    EXPECT_THAT(Read("key.pub"), HasSubstr(" " + id.substr(id.find_first_not_of('0')) + "\n"));
  }
}

// And what a signer of ours would make is one for the program, so both mean the same.
TEST_F(Interop, TheProgramVerifiesWhatOurTestsSign) {
  const Signer signer(9);
  for (const char* algorithm : {"Ed", "ED"}) {
    ASSERT_TRUE(WriteFile(dir_ + "/file.minisig", signer.File(algorithm, kMessage)).ok());
    Minisign({"-V", "-P", signer.PublicText(), "-m", dir_ + "/file"});
  }
}

TEST(Sha256, KnownDigests) {
  Sha256 empty;
  EXPECT_EQ(empty.Hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 abc;
  abc.Update("a");
  abc.Update("bc");
  EXPECT_EQ(abc.Hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace shoji::minisign

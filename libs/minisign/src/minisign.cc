#include "shoji/minisign/minisign.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace shoji::minisign {
namespace {

constexpr std::string_view kUntrusted = "untrusted comment: ";
constexpr std::string_view kTrusted = "trusted comment: ";
constexpr std::string_view kLegacy = "Ed";
constexpr std::string_view kPrehashed = "ED";
constexpr std::size_t kIdAt = 2;
constexpr std::size_t kDataAt = 10;  // behind the algorithm and the id of the key
constexpr std::size_t kMaxText = 8192;
constexpr std::size_t kMaxComment = 1024;

// Lines without their ends; a file edited on another system may have CRLF.
std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// Exactly `size` bytes in base64; empty when it is anything else.
std::string Decode(std::string_view text, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t length = 0;
  const char* end = nullptr;
  const int failed =
      sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &length, &end, sodium_base64_VARIANT_ORIGINAL);
  const bool whole = failed == 0 && length == size && end == text.data() + text.size();
  return whole ? bytes : std::string();
}

// The id is a little-endian number and shown as one.
KeyId IdOf(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  KeyId id;
  for (std::size_t i = 8; i-- > 0;) {
    const auto byte = static_cast<unsigned char>(bytes[kIdAt + i]);
    id += kDigits[byte >> 4U];
    id += kDigits[byte & 15U];
  }
  return id;
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool Holds(const std::array<std::uint8_t, 64>& signature, std::string_view message,
           const PublicKey& key) {
  return crypto_sign_verify_detached(signature.data(), Bytes(message), message.size(),
                                     key.bytes.data()) == 0;
}

Status BadSignature(const std::string& what) {
  return InvalidArgument("not a minisign signature: " + what);
}

Status CheckFrame(const std::vector<std::string_view>& lines) {
  if (lines.size() != 4) {
    return BadSignature("it has " + std::to_string(lines.size()) + " lines instead of 4");
  }
  if (!StartsWith(lines[0], kUntrusted)) {
    return BadSignature("line 1 does not begin with \"untrusted comment: \"");
  }
  if (!StartsWith(lines[2], kTrusted)) {
    return BadSignature("line 3 does not begin with \"trusted comment: \"");
  }
  if (lines[2].size() > kMaxComment) return BadSignature("its trusted comment is too long");
  return OkStatus();
}

}  // namespace

Result<PublicKey> ParsePublicKey(std::string_view text) {
  std::vector<std::string_view> lines;
  if (text.size() <= kMaxText) lines = Lines(text);
  if (lines.size() == 2 && StartsWith(lines[0], kUntrusted)) lines.erase(lines.begin());
  PublicKey key;
  const std::string bytes =
      lines.size() == 1 ? Decode(lines[0], kDataAt + key.bytes.size()) : std::string();
  if (bytes.empty()) {
    return InvalidArgument(
        "not a minisign public key; write the line that begins with RW of the .pub file");
  }
  if (!StartsWith(bytes, kLegacy))
    return InvalidArgument("a key of another algorithm than Ed25519");
  key.id = IdOf(bytes);
  std::memcpy(key.bytes.data(), bytes.data() + kDataAt, key.bytes.size());
  return key;
}

Result<Signature> ParseSignature(std::string_view text) {
  if (text.size() > kMaxText) return BadSignature("it is longer than 8 KiB");
  const std::vector<std::string_view> lines = Lines(text);
  SHOJI_RETURN_IF_ERROR(CheckFrame(lines));
  Signature signature;
  const std::string bytes = Decode(lines[1], kDataAt + signature.bytes.size());
  if (bytes.empty()) return BadSignature("line 2 is not the base64 of 74 bytes");
  signature.prehashed = StartsWith(bytes, kPrehashed);
  if (!signature.prehashed && !StartsWith(bytes, kLegacy)) {
    return BadSignature("it was made with another algorithm than Ed25519");
  }
  const std::string global = Decode(lines[3], signature.comment_signature.size());
  if (global.empty()) return BadSignature("line 4 is not the base64 of 64 bytes");
  signature.key_id = IdOf(bytes);
  std::memcpy(signature.bytes.data(), bytes.data() + kDataAt, signature.bytes.size());
  signature.trusted_comment = lines[2].substr(kTrusted.size());
  std::memcpy(signature.comment_signature.data(), global.data(), global.size());
  return signature;
}

bool IsKeyId(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  return text.size() == 16 && text.find_first_not_of(kDigits) == std::string_view::npos;
}

struct Verifier::Impl {
  Signature signature;
  crypto_generichash_state hash;
  std::string message;  // of an "Ed" signature
};

Verifier::Verifier(const Signature& signature) : impl_(std::make_unique<Impl>()) {
  // Picks the fast code for this processor; may be called again. It fails for want of random
  // numbers only, which we do not need.
  [[maybe_unused]] const int ignored = sodium_init();
  impl_->signature = signature;
  crypto_generichash_init(&impl_->hash, nullptr, 0, crypto_generichash_BYTES_MAX);
}

Verifier::~Verifier() = default;

void Verifier::Update(std::string_view bytes) {
  if (impl_->signature.prehashed) {
    crypto_generichash_update(&impl_->hash, Bytes(bytes), bytes.size());
  } else {
    impl_->message.append(bytes);
  }
}

Status Verifier::Verify(const PublicKey& key) {
  const Signature& signature = impl_->signature;
  if (signature.key_id != key.id) {
    return PermissionDenied("the signature is by key " + signature.key_id + ", not by " + key.id);
  }
  if (signature.prehashed) {
    impl_->message.resize(crypto_generichash_BYTES_MAX);
    crypto_generichash_final(&impl_->hash, reinterpret_cast<unsigned char*>(impl_->message.data()),
                             impl_->message.size());
  }
  if (!Holds(signature.bytes, impl_->message, key)) {
    return PermissionDenied("the signature by key " + key.id +
                            " does not fit: the file is not what was signed");
  }
  const std::string signed_comment =
      std::string(signature.bytes.begin(), signature.bytes.end()) + signature.trusted_comment;
  if (!Holds(signature.comment_signature, signed_comment, key)) {
    return PermissionDenied("the trusted comment of the signature by key " + key.id +
                            " was changed");
  }
  return OkStatus();
}

}  // namespace shoji::minisign

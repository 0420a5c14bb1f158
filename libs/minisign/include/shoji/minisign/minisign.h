// Detached signatures in the format of minisign (Ed25519).
//
// Purpose  Tells whether a file is what the holder of a key signed. Reads both kinds of
//          signature, "Ed" (over the file itself) and "ED" (over its BLAKE2b-512, what
//          minisign writes today), and checks the trusted comment with its own signature.
//          Makes no keys and no signatures.
// Threads  Values and pure functions; safe.
// Errors   INVALID_ARGUMENT for text that is no key or signature; PERMISSION_DENIED for a
//          signature that does not hold.
// Example
//     SHOJI_ASSIGN_OR_RETURN(PublicKey key, ParsePublicKey("RWQf6LRCGA9i53mlYecO4IzT51TG..."));
//     SHOJI_ASSIGN_OR_RETURN(Signature signature, ParseSignature(text));
//     Verifier verifier(signature);
//     verifier.Update(bytes);  // as often as needed
//     SHOJI_RETURN_IF_ERROR(verifier.Verify(key));
#ifndef SHOJI_MINISIGN_MINISIGN_H_
#define SHOJI_MINISIGN_MINISIGN_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::minisign {

// Sixteen hexadecimal digits, as minisign prints them: "E7620F1842B4E81F".
using KeyId = std::string;

struct PublicKey {
  KeyId id;
  std::array<std::uint8_t, 32> bytes{};
};

struct Signature {
  bool prehashed = false;
  KeyId key_id;
  std::array<std::uint8_t, 64> bytes{};
  std::string trusted_comment;
  std::array<std::uint8_t, 64> comment_signature{};
};

// The line that follows "untrusted comment:" in a .pub file, or that whole file.
Result<PublicKey> ParsePublicKey(std::string_view text);

// The text of a .minisig file.
Result<Signature> ParseSignature(std::string_view text);

// Whether `text` has the form of a KeyId; letters may be small.
bool IsKeyId(std::string_view text);

// Takes the signed bytes piece by piece. An "Ed" signature needs them all at once, so they
// are kept until Verify(); an "ED" signature keeps a hash only.
class Verifier {
 public:
  explicit Verifier(const Signature& signature);
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  void Update(std::string_view bytes);
  // Once, after the last Update().
  Status Verify(const PublicKey& key);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoji::minisign

#endif  // SHOJI_MINISIGN_MINISIGN_H_

// SHA-512 of bytes that come piece by piece.
//
// Threads  One object is used by one thread at a time.
// Example  Sha512 hash;  hash.Update("abc");  hash.Hex() == "ddaf35a193617aba..."
#ifndef SHOJI_MINISIGN_SHA512_H_
#define SHOJI_MINISIGN_SHA512_H_

#include <memory>
#include <string>
#include <string_view>

namespace shoji {

class Sha512 {
 public:
  Sha512();
  ~Sha512();
  Sha512(const Sha512&) = delete;
  Sha512& operator=(const Sha512&) = delete;

  void Update(std::string_view bytes);
  // 128 small hexadecimal digits. Once, after the last Update().
  std::string Hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoji

#endif  // SHOJI_MINISIGN_SHA512_H_

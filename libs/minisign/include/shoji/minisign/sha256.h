// SHA-256 of bytes that come piece by piece.
//
// Threads  One object is used by one thread at a time.
// Example  Sha256 hash;  hash.Update("abc");  hash.Hex() == "ba7816bf8f01cfea..."
#ifndef SHOJI_MINISIGN_SHA256_H_
#define SHOJI_MINISIGN_SHA256_H_

#include <memory>
#include <string>
#include <string_view>

namespace shoji {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // 64 small hexadecimal digits. Once, after the last Update().
  std::string Hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoji

#endif  // SHOJI_MINISIGN_SHA256_H_

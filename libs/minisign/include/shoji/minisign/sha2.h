// SHA-256 and SHA-512 of bytes that come piece by piece.
//
// Threads  One object is used by one thread at a time.
// Example  Sha256 hash;  hash.Update("abc");  hash.Hex() == "ba7816bf8f01cfea..."
#ifndef SHOJI_MINISIGN_SHA2_H_
#define SHOJI_MINISIGN_SHA2_H_

#include <memory>
#include <string>
#include <string_view>

namespace shoji {

// `bits` is 256 or 512.
template <int bits>
class Sha2 {
 public:
  Sha2();
  ~Sha2();
  Sha2(const Sha2&) = delete;
  Sha2& operator=(const Sha2&) = delete;

  void Update(std::string_view bytes);
  // A small hexadecimal digit for each four bits. Once, after the last Update().
  std::string Hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

extern template class Sha2<256>;
extern template class Sha2<512>;
using Sha256 = Sha2<256>;
using Sha512 = Sha2<512>;

}  // namespace shoji

#endif  // SHOJI_MINISIGN_SHA2_H_

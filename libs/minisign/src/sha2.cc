#include "shoji/minisign/sha2.h"

#include <sodium/crypto_hash_sha256.h>
#include <sodium/crypto_hash_sha512.h>

#include "hex_digits.h"

namespace shoji {
namespace {

// What libsodium calls the two.
template <int bits>
struct Sodium;

template <>
struct Sodium<256> {
  using State = crypto_hash_sha256_state;
  static constexpr auto kInit = crypto_hash_sha256_init;
  static constexpr auto kUpdate = crypto_hash_sha256_update;
  static constexpr auto kFinal = crypto_hash_sha256_final;
};

template <>
struct Sodium<512> {
  using State = crypto_hash_sha512_state;
  static constexpr auto kInit = crypto_hash_sha512_init;
  static constexpr auto kUpdate = crypto_hash_sha512_update;
  static constexpr auto kFinal = crypto_hash_sha512_final;
};

}  // namespace

template <int bits>
struct Sha2<bits>::Impl {
  typename Sodium<bits>::State state;
};

template <int bits>
Sha2<bits>::Sha2() : impl_(std::make_unique<Impl>()) {
  Sodium<bits>::kInit(&impl_->state);
}

template <int bits>
Sha2<bits>::~Sha2() = default;

template <int bits>
void Sha2<bits>::Update(std::string_view bytes) {
  Sodium<bits>::kUpdate(&impl_->state, reinterpret_cast<const unsigned char*>(bytes.data()),
                        bytes.size());
}

template <int bits>
std::string Sha2<bits>::Hex() {
  unsigned char digest[bits / 8];
  Sodium<bits>::kFinal(&impl_->state, digest);
  return internal::HexDigits(digest);
}

template class Sha2<256>;
template class Sha2<512>;

}  // namespace shoji

#include "shoji/minisign/sha512.h"

#include <sodium/crypto_hash_sha512.h>

#include "hex_digits.h"

namespace shoji {

struct Sha512::Impl {
  crypto_hash_sha512_state state;
};

Sha512::Sha512() : impl_(std::make_unique<Impl>()) { crypto_hash_sha512_init(&impl_->state); }
Sha512::~Sha512() = default;

void Sha512::Update(std::string_view bytes) {
  crypto_hash_sha512_update(&impl_->state, reinterpret_cast<const unsigned char*>(bytes.data()),
                            bytes.size());
}

std::string Sha512::Hex() {
  unsigned char digest[crypto_hash_sha512_BYTES];
  crypto_hash_sha512_final(&impl_->state, digest);
  return internal::HexDigits(digest);
}

}  // namespace shoji

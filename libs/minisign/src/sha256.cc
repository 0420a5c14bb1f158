#include "shoji/minisign/sha256.h"

#include <sodium/crypto_hash_sha256.h>

#include "hex_digits.h"

namespace shoji {

struct Sha256::Impl {
  crypto_hash_sha256_state state;
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) { crypto_hash_sha256_init(&impl_->state); }
Sha256::~Sha256() = default;

void Sha256::Update(std::string_view bytes) {
  crypto_hash_sha256_update(&impl_->state, reinterpret_cast<const unsigned char*>(bytes.data()),
                            bytes.size());
}

std::string Sha256::Hex() {
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256_final(&impl_->state, digest);
  return internal::HexDigits(digest);
}

}  // namespace shoji

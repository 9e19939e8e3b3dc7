// SPDX-License-Identifier: Apache-2.0
#include "qfi/base/hash.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include <new>

namespace qfi {

std::string sha256_hex(std::span<const std::byte> data) {
  Sha256 hash;
  hash.add(data);
  return hash.hex();
}

Sha256::Sha256() : m_state(EVP_MD_CTX_new()) {
  if (m_state == nullptr || EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(m_state), EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
}

Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(m_state)); }

void Sha256::add(std::span<const std::byte> data) {
  if (EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(m_state), data.data(), data.size()) != 1)
    throw std::bad_alloc();
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(m_state), digest, &size) != 1) throw std::bad_alloc();
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::uint64_t xxh64(std::span<const std::byte> data, std::uint64_t seed) {
  return XXH64(data.data(), data.size(), seed);
}

std::string Digest::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

DigestBuilder::DigestBuilder() : m_state(XXH3_createState()) {
  if (m_state == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(static_cast<XXH3_state_t*>(m_state));
}

DigestBuilder::~DigestBuilder() { XXH3_freeState(static_cast<XXH3_state_t*>(m_state)); }

void DigestBuilder::add(std::span<const std::byte> data) {
  XXH3_128bits_update(static_cast<XXH3_state_t*>(m_state), data.data(), data.size());
}

Digest DigestBuilder::digest() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(static_cast<const XXH3_state_t*>(m_state));
  return {hash.high64, hash.low64};
}

}  // namespace qfi

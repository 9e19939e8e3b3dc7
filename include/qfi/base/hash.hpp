// SPDX-License-Identifier: Apache-2.0
// Hashes: bytes go in, a digest comes out: SHA-256 to identify files, XXH64 for random numbers, XXH3 for
// content that is compared inside one run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace qfi {

/// SHA-256 as 64 hexadecimal digits: identifies files, as `sha256sum` prints it.
std::string sha256_hex(std::span<const std::byte> data);

/// SHA-256 of data that comes piece by piece.
class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();
  void add(std::span<const std::byte> data);
  /// The digest as 64 hexadecimal digits. add() must not follow.
  std::string hex();

 private:
  void* m_state;
};

/// XXH64 with the given seed.
std::uint64_t xxh64(std::span<const std::byte> data, std::uint64_t seed = 0);

/// What XXH3 gives, 128 bits: equal digests are taken as equal content.
struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const Digest&) const = default;
  std::string hex() const;
};

/// Feeds data piece by piece into one Digest.
class DigestBuilder {
 public:
  DigestBuilder();
  ~DigestBuilder();
  DigestBuilder(const DigestBuilder&) = delete;
  DigestBuilder& operator=(const DigestBuilder&) = delete;
  void add(std::span<const std::byte> data);
  Digest digest() const;

 private:
  void* m_state;
};

}  // namespace qfi

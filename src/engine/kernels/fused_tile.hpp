// SPDX-License-Identifier: Apache-2.0
// Owns the seam between fused convolutions and the vectors of an instruction set: a tile sums the products of
// some pixels and some vectors of 16 output channels, and stores the finished outputs, all in registers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "finish.hpp"

namespace qfi {

inline constexpr std::size_t k_tile_lanes = 16;  ///< output channels of a vector

/// Four bytes of each pixel's input and the weights of the vectors that they meet: [vector][channel][4].
struct TileStep {
  std::int32_t input = 0;    ///< bytes from the pixel's place
  std::int32_t weights = 0;  ///< bytes of one vector from the first step's
};

/// One product term of a table: inputs as unsigned bytes, weights as signed ones.
struct TileTerm {
  const std::uint8_t* input = nullptr;
  const std::int8_t* weights = nullptr;  ///< of the first vector
  bool flips = false;                    ///< the top bit of each input byte comes the other way round
  std::int32_t scale = 1;                ///< of the sum of the terms before it
};

/// The fixed-point factors of 16 channels, so that a sum x + 2^31 becomes an output in few instructions:
/// floor((2 M x' + constant) / 2^32) + [x >= 0] is (x M + 2^30) / 2^31 with the half of the second rounding
/// and the zero point on it, and a right shift is all that is left. It holds while |x| <= 2^30 and the shift
/// is at most 21: then neither product nor sum leaves its 64 or 32 bits. Where x < 0 becomes 0 in the first
/// rounding, both halves round to 0.
struct alignas(64) QuickFactors {
  std::array<std::uint32_t, 16> multiplier{};  ///< 2 M
  std::array<std::int64_t, 8> even{};          ///< constants of the even channels
  std::array<std::int64_t, 8> odd{};
  std::array<std::uint32_t, 16> sign_shift{};  ///< 31, or 32 where there is no second rounding
  std::array<std::uint32_t, 16> right{};

  void set(std::size_t lane, const QuantizedMultiplier& factor, std::int32_t zero_point);
  /// Whether the factors are of that kind, for sums of that size.
  static bool fit(const Requantizer& requantizer, double largest_sum);
};

struct TileJob {
  std::span<const TileTerm> terms;  ///< one at least
  std::span<const TileStep> steps;
  const std::int32_t* inputs = nullptr;   ///< of each pixel: where its input begins
  const std::int32_t* outputs = nullptr;  ///< of each pixel: where its output begins
  const std::int32_t* starts = nullptr;   ///< of each pixel: which start values it has
  const std::uint32_t* start = nullptr;   ///< start values + 2^31, of the first channel
  std::uint8_t* output = nullptr;         ///< the first channel's
  std::int32_t* accumulators = nullptr;   ///< likewise; nullptr: not wanted
  std::size_t first_channel = 0;
  std::uint16_t last_mask = 0xFFFF;  ///< the channels of the last vector
  const Requantizer* requantizer = nullptr;
  const ChannelFactors* factors = nullptr;
  const QuickFactors* quick = nullptr;  ///< of the first vector; nullptr: sums may be too large
};
using TileFunction = void (*)(const TileJob&);

/// A tile of so many vectors and pixels.
struct TileKind {
  std::size_t vectors = 0;
  std::size_t pixels = 0;
  TileFunction run = nullptr;
};

}  // namespace qfi

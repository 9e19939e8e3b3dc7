// SPDX-License-Identifier: Apache-2.0
// Populations of stored bits. StoredValues go in: which values are kept, and how. Their stored bits come out
// as numbered strata (network-wise, layer-wise, bit-wise, data-aware), with the draws of bit error rates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "qfi/faults/storage.hpp"
#include "qfi/model/model.hpp"

namespace qfi {

/// Values of one layer that are stored alike, e.g. its weights.
struct StoredValues {
  std::size_t layer = 0;    ///< operator index
  std::uint64_t count = 0;  ///< values that faults can hit, pruned ones taken out
  Storage storage;
  /// D(i): how far a flip of bit i moves a value, storage.params().width entries; data_aware only.
  std::vector<double> distances;
  std::vector<std::uint64_t> elements;  ///< index in the tensor of each of `count` values, rising; empty: all
  /// Data: the number of the stage that they are of. Bits of different stages are never taken together.
  int stage = 0;

  /// All that faults can hit: those of the values, and the check bits of the groups that hold one of them.
  std::uint64_t stored_bits() const;
  /// The first element of each group that holds one of the values, rising.
  std::vector<std::uint64_t> groups() const;
};

/// network: one stratum. layer: one per layer and stage. bit, data_aware: one per StoredValues and bit, and
/// one for the check bits of each; of these `bit` assumes p = 0.5 as the first two do, `data_aware` the p(i)
/// that follows from the distances, and 0.5 for check bits.
enum class BitScheme : std::uint8_t { network, layer, bit, data_aware };

struct BitSite {
  std::size_t values = 0;     ///< index into the StoredValues
  std::uint64_t element = 0;  ///< of the tensor; of a check bit, the first of its group
  int stored_bit = 0;         ///< of the group's

  friend auto operator<=>(const BitSite&, const BitSite&) = default;
};

/// A set of stored bits, numbered 0 .. population - 1: part by part, value by value or group by group, bit by
/// bit.
struct BitStratum {
  /// Bits of values, or check bits of groups.
  struct Part {
    std::size_t values = 0;             ///< index into the StoredValues
    std::uint64_t count = 0;            ///< how many values there are, or groups
    std::vector<int> stored_bits;       ///< of each one; a value's as if it were the first of its group
    bool are_checks = false;            ///< the bits are check bits
    std::vector<std::uint64_t> groups;  ///< the first elements of the groups, where the bits are check bits
  };
  std::vector<Part> parts;
  std::optional<std::size_t> layer;  ///< where the stratum lies in one
  std::optional<int> bit;            ///< of the value, where the stratum is of one
  double p = 0.5;                    ///< assumed probability, for the sample size

  std::uint64_t population() const;
  /// The stratum of check bits alone.
  bool is_of_checks() const { return !parts.empty() && parts.front().are_checks; }
};

/// Strata in the order of first values, then of bits, check bits last. `bits`: those of the value that faults
/// can hit; empty: all, and the check bits. Strata without members are left out.
std::vector<BitStratum> make_bit_strata(std::span<const StoredValues> stored, BitScheme scheme,
                                        std::span<const int> bits = {});

/// Precondition: index < stratum.population().
BitSite bit_member(std::span<const StoredValues> stored, const BitStratum& stratum, std::uint64_t index);

/// How the number of flips at a bit error rate is drawn.
enum class BitErrorDraw : std::uint8_t { binomial, fixed };

/// Members of 0 .. population - 1 that flip in draw number `draw` at an error rate per bit, 0 to 1, each
/// once, in the order of drawing. Their number is drawn where `how` is `binomial`, as every bit flips by
/// itself; where it is `fixed` it is population * rate, rounded.
std::vector<std::uint64_t> draw_bit_errors(std::uint64_t population, double rate, BitErrorDraw how,
                                           std::uint64_t draw, std::uint64_t seed);

/// D(i) = 2^i, of `width` bits.
std::vector<double> place_values(int width);

/// D(i) = mean over a constant tensor of |value with bit i flipped - value| (DATE 2023), for values kept
/// in `width` bits. In integers every flip of bit i moves by 2^i. In FLOAT32 (width 32) a distance is at most
/// the largest finite number, which infinite and NaN results count as.
std::vector<double> mean_flip_distances(const Tensor& tensor, int width);

/// p(i) from D(i): linear, so that the smallest distance gets 2^-bits and the largest 0.5; 0.5 for all where
/// they are equal.
std::vector<double> assumed_probabilities(std::span<const double> distances);

}  // namespace qfi

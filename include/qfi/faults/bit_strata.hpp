// SPDX-License-Identifier: Apache-2.0
// Populations of stored bits and their strata: network-wise, layer-wise, bit-wise, data-aware.
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
  std::vector<std::uint64_t> elements;  ///< index in the tensor of each of `count` values; empty: all
};

/// network: one stratum. layer: one per layer. bit, data_aware: one per StoredValues and bit; of these `bit`
/// assumes p = 0.5 as the first two do, `data_aware` the p(i) that follows from the distances.
enum class BitScheme : std::uint8_t { network, layer, bit, data_aware };

struct BitSite {
  std::size_t values = 0;     ///< index into the StoredValues
  std::uint64_t element = 0;  ///< of the tensor
  int stored_bit = 0;         ///< of Storage

  friend auto operator<=>(const BitSite&, const BitSite&) = default;
};

/// A set of stored bits, numbered 0 .. population - 1: part by part, value by value, bit by bit.
struct BitStratum {
  struct Part {
    std::size_t values = 0;
    std::uint64_t count = 0;
    std::vector<int> stored_bits;  ///< of every value
  };
  std::vector<Part> parts;
  std::optional<std::size_t> layer;  ///< where the stratum lies in one
  std::optional<int> bit;            ///< of the value, where the stratum is of one
  double p = 0.5;                    ///< assumed probability, for the sample size

  std::uint64_t population() const;
};

/// Strata in the order of first values, then of bits. `bits`: those of the value that faults can hit,
/// empty: all. Strata without members are left out.
std::vector<BitStratum> make_bit_strata(std::span<const StoredValues> stored, BitScheme scheme,
                                        std::span<const int> bits = {});

/// Precondition: index < stratum.population().
BitSite bit_member(std::span<const StoredValues> stored, const BitStratum& stratum, std::uint64_t index);

/// How the number of flips at a bit error rate is drawn.
enum class BitErrorDraw : std::uint8_t { binomial, fixed };

/// Members of 0 .. population - 1 that flip in draw number `draw` at an error rate per bit, 0 to 1, each
/// once, in the order of drawing. binomial: their number is drawn, as every bit flips by itself; fixed:
/// population * rate, rounded.
std::vector<std::uint64_t> draw_bit_errors(std::uint64_t population, double rate, BitErrorDraw how,
                                           std::uint64_t draw, std::uint64_t seed);

/// D(i) = 2^i.
std::vector<double> place_values(int width);

/// D(i) = mean over a constant tensor of |value with bit i flipped - value| (DATE 2023), for values kept
/// in `width` bits. Of integers every flip of bit i moves by 2^i. Of FLOAT32 (width 32) a distance is at
/// most the largest finite number, which infinite and NaN results count as.
std::vector<double> mean_flip_distances(const Tensor& tensor, int width);

/// p(i) from D(i): linear, the smallest distance gets 2^-bits, the largest 0.5. All equal: 0.5.
std::vector<double> assumed_probabilities(std::span<const double> distances);

}  // namespace qfi

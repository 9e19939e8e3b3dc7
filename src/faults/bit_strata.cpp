// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/bit_strata.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "qfi/base/random.hpp"

namespace qfi {
namespace {

// The stored bits that keep one of `bits`; empty: all.
std::vector<int> stored_bits_of(const Storage& storage, std::span<const int> bits) {
  std::vector<int> indices;
  for (int i = 0; i < storage.stored_bits(); ++i)
    if (bits.empty() || std::ranges::find(bits, storage.bit_of(i)) != bits.end()) indices.push_back(i);
  return indices;
}

void add_part(std::span<const StoredValues> stored, std::size_t values, std::span<const int> bits,
              BitStratum& stratum) {
  std::vector<int> indices = stored_bits_of(stored[values].storage, bits);
  if (!indices.empty() && stored[values].count > 0)
    stratum.parts.push_back({values, stored[values].count, std::move(indices)});
}

void add_if_populated(std::vector<BitStratum>& strata, BitStratum stratum) {
  if (!stratum.parts.empty()) strata.push_back(std::move(stratum));
}

// The layers in the order of their first values.
std::vector<std::size_t> layers_of(std::span<const StoredValues> stored) {
  std::vector<std::size_t> layers;
  for (const StoredValues& values : stored)
    if (std::ranges::find(layers, values.layer) == layers.end()) layers.push_back(values.layer);
  return layers;
}

// Strata of one set of values; two sets of one layer may differ in width and distances.
void add_bit_strata(std::span<const StoredValues> stored, std::size_t k, BitScheme scheme,
                    std::span<const int> bits, std::vector<BitStratum>& strata) {
  const StoredValues& values = stored[k];
  std::vector<double> p(static_cast<std::size_t>(values.storage.params().width), 0.5);
  if (scheme == BitScheme::data_aware) {
    assert(values.distances.size() == p.size());
    p = assumed_probabilities(values.distances);
  }
  for (int bit = 0; bit < values.storage.params().width; ++bit) {
    if (!bits.empty() && std::ranges::find(bits, bit) == bits.end()) continue;
    BitStratum stratum{{}, values.layer, bit, p[static_cast<std::size_t>(bit)]};
    add_part(stored, k, std::span(&bit, 1), stratum);
    add_if_populated(strata, std::move(stratum));
  }
}

template <class Bits, class Value>
std::vector<double> mean_distances(std::span<const std::byte> data) {
  constexpr std::size_t k_width = 8 * sizeof(Bits);
  std::vector<double> sums(k_width, 0.0);
  const std::size_t count = data.size() / sizeof(Bits);
  for (std::size_t i = 0; i < count; ++i) {
    Bits code;
    std::memcpy(&code, data.data() + i * sizeof(Bits), sizeof(Bits));
    const auto value_of = [](Bits bits) {
      Value value;
      std::memcpy(&value, &bits, sizeof(value));
      return static_cast<double>(value);
    };
    for (std::size_t bit = 0; bit < k_width; ++bit) {
      const double flipped = value_of(static_cast<Bits>(code ^ (Bits{1} << bit)));
      const double distance = std::abs(flipped - value_of(code));
      sums[bit] += std::isfinite(distance) ? distance : double{std::numeric_limits<float>::max()};
    }
  }
  for (double& sum : sums) sum /= static_cast<double>(std::max<std::size_t>(count, 1));
  return sums;
}

// The smallest count whose cumulative probability reaches a uniform number between 0 and 1.
std::uint64_t binomial_count(std::uint64_t population, double rate, double uniform) {
  using boost::math::policies::discrete_quantile;
  using boost::math::policies::integer_round_up;
  using Policy = boost::math::policies::policy<discrete_quantile<integer_round_up>>;
  const boost::math::binomial_distribution<double, Policy> distribution(static_cast<double>(population),
                                                                        rate);
  return std::min(static_cast<std::uint64_t>(boost::math::quantile(distribution, uniform)), population);
}

}  // namespace

std::uint64_t BitStratum::population() const {
  std::uint64_t sum = 0;
  for (const Part& part : parts) sum += part.count * part.stored_bits.size();
  return sum;
}

std::vector<BitStratum> make_bit_strata(std::span<const StoredValues> stored, BitScheme scheme,
                                        std::span<const int> bits) {
  std::vector<BitStratum> strata;
  switch (scheme) {
    case BitScheme::network: {
      BitStratum stratum;
      for (std::size_t k = 0; k < stored.size(); ++k) add_part(stored, k, bits, stratum);
      add_if_populated(strata, std::move(stratum));
      break;
    }
    case BitScheme::layer:
      for (const std::size_t layer : layers_of(stored)) {
        BitStratum stratum{{}, layer, {}, 0.5};
        for (std::size_t k = 0; k < stored.size(); ++k)
          if (stored[k].layer == layer) add_part(stored, k, bits, stratum);
        add_if_populated(strata, std::move(stratum));
      }
      break;
    case BitScheme::bit:
    case BitScheme::data_aware:
      for (std::size_t k = 0; k < stored.size(); ++k) add_bit_strata(stored, k, scheme, bits, strata);
      break;
  }
  return strata;
}

BitSite bit_member(std::span<const StoredValues> stored, const BitStratum& stratum, std::uint64_t index) {
  assert(index < stratum.population());
  auto part = stratum.parts.begin();
  for (; index >= part->count * part->stored_bits.size(); ++part)
    index -= part->count * part->stored_bits.size();
  const std::uint64_t value = index / part->stored_bits.size();
  const std::vector<std::uint64_t>& elements = stored[part->values].elements;
  return {part->values, elements.empty() ? value : elements[value],
          part->stored_bits[index % part->stored_bits.size()]};
}

std::vector<std::uint64_t> draw_bit_errors(std::uint64_t population, double rate, BitErrorDraw how,
                                           std::uint64_t draw, std::uint64_t seed) {
  assert(rate >= 0.0 && rate <= 1.0);
  std::uint64_t count = 0;
  if (how == BitErrorDraw::fixed) {
    const double flips = std::round(static_cast<double>(population) * rate);
    count = std::min(static_cast<std::uint64_t>(flips), population);
  } else {
    // 53 bits, half a step away from both 0 and 1.
    const std::uint64_t bits = random_bits(seed, "bit error count", draw) >> 11U;
    count = binomial_count(population, rate, std::ldexp(static_cast<double>(bits) + 0.5, -53));
  }
  return draw_without_replacement(population, count, seed, "bit errors of draw " + std::to_string(draw));
}

std::vector<double> place_values(int width) {
  std::vector<double> distances;
  for (int bit = 0; bit < width; ++bit) distances.push_back(std::ldexp(1.0, bit));
  return distances;
}

std::vector<double> mean_flip_distances(const Tensor& tensor) {
  switch (tensor.type) {
    case TensorType::int8: return mean_distances<std::uint8_t, std::int8_t>(tensor.data);
    case TensorType::uint8: return mean_distances<std::uint8_t, std::uint8_t>(tensor.data);
    case TensorType::int16: return mean_distances<std::uint16_t, std::int16_t>(tensor.data);
    case TensorType::int32: return mean_distances<std::uint32_t, std::int32_t>(tensor.data);
    case TensorType::int64: return mean_distances<std::uint64_t, std::int64_t>(tensor.data);
    case TensorType::float32: return mean_distances<std::uint32_t, float>(tensor.data);
    case TensorType::boolean: break;
  }
  return mean_distances<std::uint8_t, std::uint8_t>(tensor.data);
}

std::vector<double> assumed_probabilities(std::span<const double> distances) {
  if (distances.empty()) return {};
  constexpr double k_most = 0.5;
  const double least = std::ldexp(1.0, -static_cast<int>(distances.size()));
  const auto [low, high] = std::ranges::minmax(distances);
  std::vector<double> p;
  for (const double distance : distances)
    p.push_back(high > low ? least + (distance - low) * (k_most - least) / (high - low) : k_most);
  return p;
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/bit_strata.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cassert>
#include <cmath>
#include <limits>
#include <string>

#include "qfi/base/random.hpp"
#include "qfi/base/random_purposes.hpp"
#include "qfi/model/stored_value.hpp"

namespace qfi {
namespace {

// The stored bits of a group's first value that keep one of `bits`; empty: all.
std::vector<int> stored_bits_of(const Storage& storage, std::span<const int> bits) {
  std::vector<int> indices;
  for (const int i : storage.bits_of_value(0))
    if (bits.empty() || std::ranges::find(bits, *storage.bit_of(i)) != bits.end()) indices.push_back(i);
  return indices;
}

void add_values(std::span<const StoredValues> stored, std::size_t values, std::span<const int> bits,
                BitStratum& stratum) {
  std::vector<int> indices = stored_bits_of(stored[values].storage, bits);
  if (!indices.empty() && stored[values].count > 0)
    stratum.parts.push_back({values, stored[values].count, std::move(indices), false, {}});
}

void add_checks(std::span<const StoredValues> stored, std::size_t values, BitStratum& stratum) {
  const auto checks = stored[values].storage.check_bits();
  if (checks.empty() || stored[values].count == 0) return;
  std::vector<std::uint64_t> groups = stored[values].groups();
  const std::uint64_t count = groups.size();
  stratum.parts.push_back({values, count, {checks.begin(), checks.end()}, true, std::move(groups)});
}

// Check bits belong to no bit of a value: where bits are chosen, there are none of them.
void add_part(std::span<const StoredValues> stored, std::size_t values, std::span<const int> bits,
              BitStratum& stratum) {
  add_values(stored, values, bits, stratum);
  if (bits.empty()) add_checks(stored, values, stratum);
}

void add_if_populated(std::vector<BitStratum>& strata, BitStratum stratum) {
  if (!stratum.parts.empty()) strata.push_back(std::move(stratum));
}

using LayerStage = std::pair<std::size_t, int>;
LayerStage place_of(const StoredValues& values) { return {values.layer, values.stage}; }

// Layers and their stages in the order of their first values.
std::vector<LayerStage> places_of(std::span<const StoredValues> stored) {
  std::vector<LayerStage> places;
  for (const StoredValues& values : stored)
    if (std::ranges::find(places, place_of(values)) == places.end()) places.push_back(place_of(values));
  return places;
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
    add_values(stored, k, std::span(&bit, 1), stratum);
    add_if_populated(strata, std::move(stratum));
  }
  BitStratum checks{{}, values.layer, {}, 0.5};
  if (bits.empty()) add_checks(stored, k, checks);
  add_if_populated(strata, std::move(checks));
}

// A float with bit i flipped, less the float; at most, and where it is no number, the largest float.
double flip_distance(std::uint32_t bits, unsigned bit) {
  constexpr double k_most = std::numeric_limits<float>::max();
  const double flipped = number_of(TensorType::float32, bits ^ std::uint32_t{1} << bit);
  const double distance = std::abs(flipped - number_of(TensorType::float32, bits));
  return distance < k_most ? distance : k_most;
}

// The smallest count whose cumulative probability reaches a uniform number between 0 and 1.
std::uint64_t binomial_count(std::uint64_t population, double rate, double uniform) {
  if (population == 0 || rate <= 0.0) return 0;
  if (rate >= 1.0) return population;
  using boost::math::policies::discrete_quantile;
  using boost::math::policies::integer_round_up;
  using Policy = boost::math::policies::policy<discrete_quantile<integer_round_up>>;
  const boost::math::binomial_distribution<double, Policy> distribution(static_cast<double>(population),
                                                                        rate);
  return std::min(static_cast<std::uint64_t>(boost::math::quantile(distribution, uniform)), population);
}

}  // namespace

std::vector<std::uint64_t> StoredValues::groups() const {
  std::vector<std::uint64_t> first;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t element = elements.empty() ? i : elements[i];
    const std::uint64_t group = element - static_cast<std::uint64_t>(storage.place_of(element));
    if (first.empty() || first.back() != group) first.push_back(group);
  }
  return first;
}

std::uint64_t StoredValues::stored_bits() const {
  const std::uint64_t of_values = count * storage.bits_of_value(0).size();
  return storage.check_bits().empty() ? of_values : of_values + groups().size() * storage.check_bits().size();
}

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
      for (const LayerStage& place : places_of(stored)) {
        BitStratum stratum{{}, place.first, {}, 0.5};
        for (std::size_t k = 0; k < stored.size(); ++k)
          if (place_of(stored[k]) == place) add_part(stored, k, bits, stratum);
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
  const std::uint64_t item = index / part->stored_bits.size();
  const int stored_bit = part->stored_bits[index % part->stored_bits.size()];
  if (part->are_checks) return {part->values, part->groups[item], stored_bit};
  const StoredValues& values = stored[part->values];
  const std::uint64_t element = values.elements.empty() ? item : values.elements[item];
  return {part->values, element, values.storage.index_in(values.storage.place_of(element), stored_bit)};
}

std::vector<std::uint64_t> draw_bit_errors(std::uint64_t population, double rate, BitErrorDraw how,
                                           std::uint64_t draw, std::uint64_t seed) {
  assert(rate >= 0.0 && rate <= 1.0);
  std::uint64_t count = 0;
  if (how == BitErrorDraw::fixed) {
    count = rate >= 1.0
                ? population
                : std::min(static_cast<std::uint64_t>(std::round(static_cast<double>(population) * rate)),
                           population);
  } else {
    // 52 bits, half a step away from both 0 and 1.
    const std::uint64_t bits = random_bits(seed, purpose::k_bit_error_count, draw) >> 12U;
    count = binomial_count(population, rate, std::ldexp(static_cast<double>(bits) + 0.5, -52));
  }
  return draw_without_replacement(population, count, seed, purpose::bit_errors(draw));
}

std::vector<double> place_values(int width) {
  std::vector<double> distances;
  for (int bit = 0; bit < width; ++bit) distances.push_back(std::ldexp(1.0, bit));
  return distances;
}

std::vector<double> mean_flip_distances(const Tensor& tensor, int width) {
  if (tensor.type != TensorType::float32) return place_values(width);
  assert(width == 32);
  std::vector<double> sums(32, 0.0);
  for (std::size_t i = 0; i < tensor.elements(); ++i) {
    const std::uint32_t bits = read_bits(tensor, i);
    for (unsigned bit = 0; bit < 32; ++bit) sums[bit] += flip_distance(bits, bit);
  }
  for (double& sum : sums) sum /= static_cast<double>(tensor.elements());
  return sums;
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

// SPDX-License-Identifier: Apache-2.0
#include "qfi/faults/bit_strata.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "qfi/base/random.hpp"
#include "qfi/statistics/sample_size.hpp"
#include "support.hpp"

namespace qfi {
namespace {

StoredValues values_of(std::size_t layer, std::uint64_t count, const StorageParams& params = {}) {
  return {layer, count, *Storage::make(params), place_values(params.width), {}};
}

std::vector<StoredValues> alexnet_weights() {
  std::vector<StoredValues> stored;
  for (const std::uint64_t count :
       {1728ULL, 110592ULL, 663552ULL, 884736ULL, 589824ULL, 9437184ULL, 16777216ULL, 40960ULL})
    stored.push_back(values_of(stored.size(), count));
  return stored;
}

std::uint64_t total_size(const std::vector<BitStratum>& strata, double margin, double t, Rounding rounding) {
  std::uint64_t sum = 0;
  for (const BitStratum& stratum : strata)
    sum += sample_size(stratum.population(), margin, t, stratum.p, rounding).rounded;
  return sum;
}

template <class T>
Tensor constant(TensorType type, const std::vector<T>& values) {
  Tensor tensor;
  tensor.type = type;
  tensor.shape = {static_cast<int>(values.size())};
  tensor.is_constant = true;
  tensor.data = std::as_bytes(std::span(values));
  return tensor;
}

// IOLTS 2025: 1,469 flips for the weights of an INT8 AlexNet, e = 0.1, t = 1.645, rounded up.
TEST(BitStrata, DataAwareSampleOfAlexNetIsThePublishedOne) {
  const auto strata = make_bit_strata(alexnet_weights(), BitScheme::data_aware);
  EXPECT_EQ(strata.size(), 8U * 8U);
  EXPECT_EQ(total_size(strata, 0.1, 1.645, Rounding::up), 1469U);
  EXPECT_EQ(total_size(strata, 0.1, 1.645, Rounding::nearest), 1434U);
}

TEST(BitStrata, SchemesDivideOnePopulation) {
  const std::vector<StoredValues> stored = {values_of(3, 10), values_of(5, 4, {5, Protection::tmr}),
                                            values_of(3, 2, {32, Protection::plain}),
                                            values_of(9, 7, {8, Protection::vandor, 2, 3})};
  const std::uint64_t population = 10 * 8 + 4 * 15 + 2 * 32 + 7 * 15;
  const std::pair<BitScheme, std::size_t> schemes[] = {{BitScheme::network, 1},
                                                       {BitScheme::layer, 3},
                                                       {BitScheme::bit, 8 + 5 + 32 + 8},
                                                       {BitScheme::data_aware, 8 + 5 + 32 + 8}};
  for (const auto& [scheme, count] : schemes) {
    const auto strata = make_bit_strata(stored, scheme);
    EXPECT_EQ(strata.size(), count);
    std::set<BitSite> sites;
    std::uint64_t sum = 0;
    for (const BitStratum& stratum : strata) {
      sum += stratum.population();
      for (std::uint64_t i = 0; i < stratum.population(); ++i) {
        const BitSite site = bit_member(stored, stratum, i);
        EXPECT_LT(site.element, stored[site.values].count);
        EXPECT_LT(site.stored_bit, stored[site.values].storage.stored_bits());
        EXPECT_EQ(stratum.layer.value_or(stored[site.values].layer), stored[site.values].layer);
        const std::optional<int> bit = stored[site.values].storage.bit_of(site.stored_bit);
        EXPECT_TRUE(!stratum.bit || stratum.bit == bit);
        sites.insert(site);
      }
    }
    EXPECT_EQ(sum, population);
    EXPECT_EQ(sites.size(), population);
  }
}

TEST(BitStrata, TakeOnlyTheBitsAskedFor) {
  const std::vector<StoredValues> stored = {values_of(0, 6, {8, Protection::triplicated, 1}),
                                            values_of(1, 5, {4, Protection::plain})};
  const int bits[] = {7};
  for (const BitScheme scheme : {BitScheme::network, BitScheme::layer, BitScheme::bit}) {
    const auto strata = make_bit_strata(stored, scheme, bits);
    ASSERT_EQ(strata.size(), 1U) << "the values of 4 bits have no bit 7";
    EXPECT_EQ(strata[0].population(), 6U * 3U);
  }
}

TEST(BitStrata, PrunedValuesAreNoMembers) {
  StoredValues pruned = values_of(0, 3);
  pruned.elements = {4, 11, 12};
  const std::vector<StoredValues> stored = {pruned};
  const auto strata = make_bit_strata(stored, BitScheme::network);
  ASSERT_EQ(strata[0].population(), 24U);
  std::set<std::uint64_t> elements;
  for (std::uint64_t i = 0; i < 24; ++i) elements.insert(bit_member(stored, strata[0], i).element);
  EXPECT_EQ(elements, (std::set<std::uint64_t>{4, 11, 12}));
}

// Every code of n bits, every bit: the value moves by 2^i, whatever the value.
TEST(FlipDistances, OnIntegersAreThePlaceValues) {
  std::vector<std::int8_t> codes = {-4, 3, 0};
  for (const int width : {3, 5, 8}) {
    const std::vector<double> distances = mean_flip_distances(constant(TensorType::int8, codes), width);
    ASSERT_EQ(distances.size(), static_cast<std::size_t>(width));
    const int range = 1 << width;
    const auto value_of = [&](int code) { return code >= range / 2 ? code - range : code; };
    for (int bit = 0; bit < width; ++bit)
      for (int code = 0; code < range; ++code)
        ASSERT_EQ(std::abs(value_of(code ^ 1 << bit) - value_of(code)),
                  distances[static_cast<std::size_t>(bit)]);
  }
  EXPECT_EQ(assumed_probabilities(mean_flip_distances(constant(TensorType::int8, codes), 8)),
            assumed_probabilities(place_values(8)));
}

TEST(FlipDistances, OnFloatsFollowTheFormat) {
  const std::vector<float> values = {1.0F, -3.0F};
  const std::vector<double> d = mean_flip_distances(constant(TensorType::float32, values), 32);
  ASSERT_EQ(d.size(), 32U);
  EXPECT_EQ(d[31], (2.0 + 6.0) / 2) << "the sign negates";
  EXPECT_EQ(d[22], (0.5 + 1.0) / 2) << "1 to 1.5, -3 (1.5 x 2) to -2";
  EXPECT_EQ(d[23], (0.5 + 3.0) / 2) << "exponents 127 to 126 and 128 to 129: 1 to 0.5, -3 to -6";
  // The exponent's top bit takes 1 to infinity; -3 to -1.5 * 2^-127.
  EXPECT_NEAR(d[30] / (double{std::numeric_limits<float>::max()} / 2), 1.0, 1e-9);
}

TEST(AssumedProbabilities, RiseFromTheLowestBitToTheHighest) {
  const std::vector<double> p = assumed_probabilities(place_values(8));
  ASSERT_EQ(p.size(), 8U);
  EXPECT_EQ(p.front(), 1.0 / 256);
  EXPECT_EQ(p.back(), 0.5);
  EXPECT_NEAR(p[6], 1.0 / 256 + 63 * (0.5 - 1.0 / 256) / 127, 1e-15);
  EXPECT_EQ(assumed_probabilities(std::vector<double>{2.0, 2.0}), (std::vector<double>{0.5, 0.5}));
}

// 1 % of a layer's stored bits, many times: every layer, value and bit as often as its share.
TEST(BitStrata, DrawsAreUniform) {
  const std::vector<StoredValues> stored = {values_of(0, 30), values_of(1, 90, {4, Protection::tmr})};
  const BitStratum stratum = make_bit_strata(stored, BitScheme::network)[0];
  const std::uint64_t population = 30 * 8 + 90 * 12;
  ASSERT_EQ(stratum.population(), population);
  std::vector<double> hits(population, 0.0);
  constexpr std::uint64_t k_draws = 4000;
  constexpr std::uint64_t k_size = 66;
  std::vector<double> by_bit(8 + 12, 0.0);
  for (std::uint64_t draw = 0; draw < k_draws; ++draw)
    for (const std::uint64_t i : draw_without_replacement(population, k_size, draw, "bits")) {
      const BitSite site = bit_member(stored, stratum, i);
      ++hits[i];
      ++by_bit[static_cast<std::size_t>(site.stored_bit) + (site.values == 0 ? 0 : 8)];
    }
  const double total = static_cast<double>(k_draws * k_size);
  const auto chi_square = [](const std::vector<double>& counts, const auto& expected) {
    double sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i)
      sum += (counts[i] - expected(i)) * (counts[i] - expected(i)) / expected(i);
    return sum;
  };
  // Mean: degrees of freedom; 4.5 standard deviations are sqrt(2 df) each.
  const auto limit = [](double freedom) { return freedom + 4.5 * std::sqrt(2 * freedom); };
  const double share = total / static_cast<double>(population);
  EXPECT_LT(chi_square(hits, [&](std::size_t) { return share; }), limit(static_cast<double>(population - 1)));
  EXPECT_LT(chi_square(by_bit, [&](std::size_t i) { return share * (i < 8 ? 30 : 90); }), limit(19));
}

TEST(BitErrors, FixedNumberIsTheRoundedShare) {
  const auto errors = draw_bit_errors(175'000'000, 1e-4, BitErrorDraw::fixed, 0, 1);
  EXPECT_EQ(errors.size(), 17'500U);
  EXPECT_EQ(std::set<std::uint64_t>(errors.begin(), errors.end()).size(), 17'500U);
  EXPECT_LT(*std::ranges::max_element(errors), 175'000'000U);
}

TEST(BitErrors, EndsOfTheRange) {
  for (const BitErrorDraw how : {BitErrorDraw::binomial, BitErrorDraw::fixed}) {
    for (std::uint64_t draw = 0; draw < 8; ++draw) {
      EXPECT_EQ(draw_bit_errors(50, 0.0, how, draw, 1).size(), 0U);
      EXPECT_EQ(draw_bit_errors(50, 1.0, how, draw, 1).size(), 50U);
      EXPECT_EQ(draw_bit_errors(0, 0.5, how, draw, 1).size(), 0U);
    }
  }
}

TEST(BitErrors, AreAFunctionOfSeedAndDraw) {
  const auto first = draw_bit_errors(1000, 0.1, BitErrorDraw::binomial, 7, 42);
  EXPECT_EQ(draw_bit_errors(1000, 0.1, BitErrorDraw::binomial, 7, 42), first);
  EXPECT_NE(draw_bit_errors(1000, 0.1, BitErrorDraw::binomial, 8, 42), first);
  EXPECT_NE(draw_bit_errors(1000, 0.1, BitErrorDraw::binomial, 7, 43), first);
}

// Chi-square of the counts of 20,000 draws of 12 bits at 0.2 against the binomial distribution, its tail
// from 7 on as one class; and of which bits flip.
TEST(BitErrors, CountsAreBinomialAndBitsUniform) {
  constexpr std::uint64_t k_bits = 12;
  constexpr double k_rate = 0.2;
  constexpr std::uint64_t k_draws = 20'000;
  std::vector<double> counts(8, 0.0);
  std::vector<double> bits(k_bits, 0.0);
  for (std::uint64_t draw = 0; draw < k_draws; ++draw) {
    const auto errors = draw_bit_errors(k_bits, k_rate, BitErrorDraw::binomial, draw, 5);
    ++counts[std::min<std::size_t>(errors.size(), 7)];
    for (const std::uint64_t bit : errors) ++bits[bit];
  }
  std::vector<double> expected(8, 0.0);
  double probability = std::pow(1 - k_rate, k_bits);
  for (std::size_t k = 0; k <= k_bits; ++k) {
    expected[std::min<std::size_t>(k, 7)] += k_draws * probability;
    probability *= static_cast<double>(k_bits - k) / static_cast<double>(k + 1) * k_rate / (1 - k_rate);
  }
  double of_counts = 0;
  for (std::size_t k = 0; k < counts.size(); ++k)
    of_counts += (counts[k] - expected[k]) * (counts[k] - expected[k]) / expected[k];
  EXPECT_LT(of_counts, 24.3) << "99.9 % of 7 degrees of freedom";
  double of_bits = 0;
  const double share = k_draws * k_rate;
  for (const double hits : bits) of_bits += (hits - share) * (hits - share) / (share * (1 - k_rate));
  EXPECT_LT(of_bits, 32.9) << "99.9 % of 12 degrees of freedom";
}

TEST(BitStrata, TheHighestBitHasTheHighestAssumedProbability) {
  const std::vector<StoredValues> stored = {values_of(3, 10), values_of(5, 4, {5, Protection::tmr})};
  for (const BitStratum& stratum : make_bit_strata(stored, BitScheme::data_aware)) {
    const StoredValues& values = stored[stratum.parts.front().values];
    EXPECT_EQ(stratum.p, assumed_probabilities(values.distances)[static_cast<std::size_t>(*stratum.bit)]);
  }
  EXPECT_EQ(make_bit_strata(stored, BitScheme::data_aware)[7].p, 0.5);
}

}  // namespace
}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "bit_counted_errors.hpp"

#include <algorithm>
#include <bit>

namespace qfi {
namespace {

constexpr std::size_t k_slice_bytes = std::size_t{1} << 20;  // of rows in use, in the L2 cache
constexpr std::uint32_t k_never = 0xFFFFFFFFU;

// One look-up table for each 8 patterns.
std::vector<std::array<std::uint8_t, 256>> pattern_tables(const ErrorPlane& plane) {
  std::vector<std::array<std::uint8_t, 256>> tables((plane.patterns.size() + 7) / 8);
  for (std::size_t k = 0; k < plane.patterns.size(); ++k)
    for (std::size_t x = 0; x < 256; ++x)
      if (plane.patterns[k][x]) tables[k / 8][x] |= static_cast<std::uint8_t>(1U << k % 8);
  return tables;
}

std::vector<bool> classes_in_use(const ErrorPlane& plane, const std::bitset<256>& weights) {
  std::vector<bool> used(plane.patterns.size(), false);
  for (std::size_t byte = 0; byte < 256; ++byte)
    if (weights[byte] && plane.class_of_weight[byte] != ErrorPlane::k_never)
      used[plane.class_of_weight[byte]] = true;
  return used;
}

}  // namespace

WeightsOfChannels weights_of_channels(const MultiplyAccumulate& op) {
  const ConvolutionShape& s = op.shape;
  const auto group_in = static_cast<std::size_t>(s.group_in_c());
  WeightsOfChannels weights(static_cast<std::size_t>(s.in_c));
  const std::uint8_t* weight = op.weights.data();
  for (std::size_t o = 0; o < static_cast<std::size_t>(s.out_c); ++o) {
    const std::size_t first = o / static_cast<std::size_t>(s.group_out_c()) * group_in;
    for (std::size_t tap = 0; tap < s.taps() / group_in; ++tap)
      for (std::size_t c = 0; c < group_in; ++c) weights[first + c].set(*weight++);
  }
  return weights;
}

BitCountedErrors::BitCountedErrors(const ErrorPlanes& errors, const MultiplyAccumulate& op,
                                   const WeightsOfChannels& weights, const ConvolutionShape& shape,
                                   std::size_t planes) {
  const BitRows rows(shape, planes);
  m_planes = 64 * rows.groups;
  m_copied_bytes = rows.copied_bytes;
  for (const ErrorPlane& plane : errors.planes) {
    Values& value = m_values.emplace_back();
    value.factor = plane.factor;
    value.tables = std::make_unique<const PatternTables>(pattern_tables(plane));
    add_slices(plane, weights, shape, rows, value);
    std::size_t longest = 0;
    for (BitCounts& slice : value.slices) longest += add_entries(plane, op, shape, slice);
    value.is_wide = longest > 255;
    std::erase_if(value.slices, [](const BitCounts& slice) { return slice.first_entry.back() == 0; });
    if (value.slices.empty()) m_values.pop_back();  // a value of other layers' weights alone
  }
  estimate(shape);
}

// Numbers the bit planes of each channel, and begins a new slice where the last one's rows have become many.
void BitCountedErrors::add_slices(const ErrorPlane& plane, const WeightsOfChannels& weights,
                                  const ConvolutionShape& s, const BitRows& rows, Values& value) {
  const std::size_t most_planes =
      k_slice_bytes / (2 * static_cast<std::size_t>(rows.ring) * rows.words * sizeof(std::uint64_t));
  for (std::size_t c = 0; c < static_cast<std::size_t>(s.in_c); ++c) {
    const std::vector<bool> used = classes_in_use(plane, weights[c]);
    const auto count = static_cast<std::size_t>(std::ranges::count(used, true));
    if (value.slices.empty() || (value.slices.back().rows.bit_planes + count > most_planes &&
                                 (c - value.slices.back().first_channel) % 16 == 0)) {
      value.slices.emplace_back(rows).first_channel = c;
    }
    BitCounts& slice = value.slices.back();
    for (std::size_t k = 0; k < used.size(); k += 8) {
      BitLookup lookup;
      lookup.table = &(*value.tables)[k / 8];
      lookup.bit_plane.fill(BitLookup::k_none);
      bool is_used = false;
      for (std::size_t b = 0; b < 8 && k + b < used.size(); ++b)
        if (used[k + b]) {
          is_used = true;
          lookup.bit_plane[b] = static_cast<std::uint32_t>(slice.rows.bit_planes++);
        }
      if (is_used) slice.lookups.push_back(lookup);
    }
    slice.first_lookup.push_back(slice.lookups.size());
  }
}

// Where the bit plane of each channel and weight byte begins, in bytes; k_never: it has none.
std::vector<std::array<std::uint32_t, 256>> BitCountedErrors::places_of_weights(const ErrorPlane& plane,
                                                                                const BitCounts& slice,
                                                                                const PatternTables& tables) {
  std::vector<std::array<std::uint32_t, 256>> places(slice.first_lookup.size() - 1);
  std::vector<std::uint32_t> of_class(plane.patterns.size());
  for (std::size_t c = 0; c < places.size(); ++c) {
    for (std::size_t k = slice.first_lookup[c]; k < slice.first_lookup[c + 1]; ++k) {
      const BitLookup& lookup = slice.lookups[k];
      const auto first = static_cast<std::size_t>(lookup.table - tables.data()) * 8;
      for (std::size_t b = 0; b < 8 && first + b < of_class.size(); ++b)
        of_class[first + b] =
            static_cast<std::uint32_t>(lookup.bit_plane[b] * slice.rows.words * sizeof(std::uint64_t));
    }
    for (std::size_t byte = 0; byte < 256; ++byte)
      places[c][byte] = plane.class_of_weight[byte] == ErrorPlane::k_never
                            ? k_never
                            : of_class[plane.class_of_weight[byte]];
  }
  return places;
}

// Gives the largest number of words that an output counts in this slice.
std::size_t BitCountedErrors::add_entries(const ErrorPlane& plane, const MultiplyAccumulate& op,
                                          const ConvolutionShape& s, BitCounts& slice) {
  const auto places = places_of_weights(plane, slice, *m_values.back().tables);
  const BitRows& rows = slice.rows;
  const auto out_c = static_cast<std::size_t>(s.out_c);
  const auto group_in = static_cast<std::size_t>(s.group_in_c());
  const auto stride = static_cast<std::size_t>(s.stride_w);
  const std::size_t channels = places.size();
  const auto zero = static_cast<std::uint32_t>(rows.bit_planes * rows.words * sizeof(std::uint64_t));
  const std::size_t taps = s.taps() / group_in;
  slice.entries =
      std::make_unique_for_overwrite<std::uint32_t[]>(out_c * (taps * std::min(channels, group_in) + 16));
  std::uint32_t* entry = slice.entries.get();
  std::size_t longest = 0;
  for (std::size_t o = 0; o < out_c; ++o) {
    // The channels of this output's group that lie in the slice, counted from the slice's first one.
    const std::size_t group = o / static_cast<std::size_t>(s.group_out_c()) * group_in;
    const std::size_t first = std::max(group, slice.first_channel);
    const std::size_t end = std::min(group + group_in, slice.first_channel + channels);
    const std::uint32_t* const begin = entry;
    for (std::size_t tap = 0; tap < taps && first < end; ++tap) {
      const auto ky = tap / static_cast<std::size_t>(s.filter_w);
      const auto shift = tap % static_cast<std::size_t>(s.filter_w) * static_cast<std::size_t>(s.dilation_w);
      const std::size_t place = ky * static_cast<std::size_t>(s.dilation_h) * rows.row_words() +
                                (shift % stride * rows.segment + shift / stride) * rows.groups;
      const auto bytes = static_cast<std::uint32_t>(place * sizeof(std::uint64_t));
      const std::uint8_t* weight = &op.weights[o * s.taps() + tap * group_in];
      for (std::size_t c = first; c < end; ++c) {
        const std::uint32_t plane_at = places[c - slice.first_channel][weight[c - group]];
        *entry = plane_at + bytes;
        entry += plane_at != k_never ? 1 : 0;
      }
    }
    const auto count = static_cast<std::size_t>(entry - begin);
    longest = std::max(longest, count);
    entry = std::fill_n(entry, (16 - count % 16) % 16, zero);
    slice.first_entry.push_back(static_cast<std::size_t>(entry - slice.entries.get()));
  }
  slice.bits = static_cast<int>(std::bit_width(longest));
  return longest;
}

void BitCountedErrors::estimate(const ConvolutionShape& s) {
  const auto vectors = [&](const BitRows& rows) {
    return static_cast<double>(s.out_h) *
           static_cast<double>((static_cast<std::size_t>(s.out_w) * rows.groups + 7) / 8);
  };
  double cycles = 0;
  for (const Values& value : m_values)
    for (const BitCounts& slice : value.slices) {
      double stored = 0;
      for (const BitLookup& lookup : slice.lookups)
        for (const std::uint32_t plane : lookup.bit_plane) stored += plane != BitLookup::k_none ? 2.5 : 0;
      const double place = static_cast<double>(slice.first_lookup.size()) / 16 * 220 +
                           static_cast<double>(slice.lookups.size()) * 6 + stored;
      cycles += static_cast<double>(s.in_h) * s.in_w * place * static_cast<double>(slice.rows.groups);
      cycles += vectors(slice.rows) * (static_cast<double>(slice.first_entry.back()) * 1.2 +
                                       s.out_c * (value.is_wide ? 240.0 : 140.0));
    }
  m_cycles = cycles / static_cast<double>(m_planes);
}

std::size_t BitCountedErrors::memory_words() const {
  std::size_t most = 0;
  for (const Values& value : m_values)
    for (const BitCounts& slice : value.slices) most = std::max(most, slice.rows.memory_words());
  return most;
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
#include "bit_counted_errors.hpp"

#include <algorithm>
#include <bit>

namespace qfi {
namespace {

constexpr std::size_t k_slice_bytes = std::size_t{1} << 20;  // of rows in use, in the L2 cache

// Which classes of weights meet each input channel, and the number of each pair's bit plane in its slice.
class ChannelClasses {
 public:
  ChannelClasses(const ErrorPlane& plane, const MultiplyAccumulate& op, const ConvolutionShape& s)
      : m_classes(plane.patterns.size()),
        m_number(static_cast<std::size_t>(s.in_c) * m_classes, BitLookup::k_none) {
    const auto group_in = static_cast<std::size_t>(s.group_in_c());
    for (std::size_t i = 0; i < op.weights.size(); ++i) {
      const std::uint16_t k = plane.class_of_weight[op.weights[i]];
      if (k == ErrorPlane::k_never) continue;
      const std::size_t group = i / s.taps() / static_cast<std::size_t>(s.group_out_c());
      m_number[(group * group_in + i % group_in) * m_classes + k] = 0;
    }
  }
  std::size_t classes() const { return m_classes; }
  std::uint32_t& number(std::size_t channel, std::size_t k) { return m_number[channel * m_classes + k]; }
  std::size_t used(std::size_t channel) const {
    const auto first = m_number.begin() + static_cast<std::ptrdiff_t>(channel * m_classes);
    return m_classes - static_cast<std::size_t>(std::count(
                           first, first + static_cast<std::ptrdiff_t>(m_classes), BitLookup::k_none));
  }

 private:
  std::size_t m_classes;
  std::vector<std::uint32_t> m_number;  ///< [channel][class]
};

}  // namespace

BitCountedErrors::BitCountedErrors(const ErrorPlanes& errors, const MultiplyAccumulate& op,
                                   const ConvolutionShape& shape, std::size_t planes)
    : m_planes(64 * BitRows(shape, planes).groups), m_copied_bytes(BitRows(shape, planes).copied_bytes) {
  for (const ErrorPlane& plane : errors.planes) add_value(plane, op, shape);
  estimate(shape);
}

void BitCountedErrors::add_value(const ErrorPlane& plane, const MultiplyAccumulate& op,
                                 const ConvolutionShape& s) {
  Values& value = m_values.emplace_back();
  value.factor = plane.factor;
  ChannelClasses numbers(plane, op, s);
  std::vector<const std::array<std::uint8_t, 256>*> tables;
  for (std::size_t k = 0; k < plane.patterns.size(); ++k) {
    if (k % 8 == 0) {
      m_tables.push_back(std::make_unique<std::array<std::uint8_t, 256>>());
      m_tables.back()->fill(0);
      tables.push_back(m_tables.back().get());
    }
    for (std::size_t x = 0; x < 256; ++x)
      if (plane.patterns[k][x]) (*m_tables.back())[x] |= static_cast<std::uint8_t>(1U << k % 8);
  }
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const BitRows rows(s, m_planes);
  const std::size_t most_planes =
      k_slice_bytes / (2 * static_cast<std::size_t>(rows.ring) * rows.words * sizeof(std::uint64_t));
  std::vector<std::size_t> slice_of(in_c);
  for (std::size_t c = 0; c < in_c; ++c) {
    const std::size_t used = numbers.used(c);
    if (value.slices.empty() || (value.slices.back().rows.bit_planes + used > most_planes &&
                                 (c - value.slices.back().first_channel) % 16 == 0)) {
      value.slices.push_back({c, {0}, {}, {0}, {}, rows, 1});
    }
    BitCounts& slice = value.slices.back();
    slice_of[c] = value.slices.size() - 1;
    for (std::size_t k = 0; k < numbers.classes(); k += 8) {
      BitLookup lookup;
      lookup.table = tables[k / 8];
      lookup.bit_plane.fill(BitLookup::k_none);
      bool is_used = false;
      for (std::size_t b = 0; b < 8 && k + b < numbers.classes(); ++b)
        if (numbers.number(c, k + b) != BitLookup::k_none) {
          is_used = true;
          lookup.bit_plane[b] = numbers.number(c, k + b) =
              static_cast<std::uint32_t>(slice.rows.bit_planes++);
        }
      if (is_used) slice.lookups.push_back(lookup);
    }
    slice.first_lookup.push_back(slice.lookups.size());
  }

  const auto out_c = static_cast<std::size_t>(s.out_c);
  const auto group_in = static_cast<std::size_t>(s.group_in_c());
  std::size_t weight = 0;
  for (std::size_t o = 0; o < out_c; ++o) {
    const std::size_t first_channel = o / static_cast<std::size_t>(s.group_out_c()) * group_in;
    for (int ky = 0; ky < s.filter_h; ++ky)
      for (int kx = 0; kx < s.filter_w; ++kx) {
        const auto shift = static_cast<std::size_t>(kx * s.dilation_w);
        const auto stride = static_cast<std::size_t>(s.stride_w);
        const std::size_t place = (shift % stride * rows.segment + shift / stride) * rows.groups;
        for (std::size_t c = 0; c < group_in; ++c, ++weight) {
          const std::uint16_t k = plane.class_of_weight[op.weights[weight]];
          if (k == ErrorPlane::k_never) continue;
          BitCounts& slice = value.slices[slice_of[first_channel + c]];
          const std::size_t word = static_cast<std::size_t>(ky * s.dilation_h) * slice.rows.row_words() +
                                   numbers.number(first_channel + c, k) * rows.words + place;
          slice.entries.push_back(static_cast<std::uint32_t>(word * sizeof(std::uint64_t)));
        }
      }
    for (BitCounts& slice : value.slices) {
      const std::size_t count = slice.entries.size() - slice.first_entry.back();
      slice.bits = std::max(slice.bits, static_cast<int>(std::bit_width(count)));
      const auto zero =
          static_cast<std::uint32_t>(slice.rows.bit_planes * rows.words * sizeof(std::uint64_t));
      slice.entries.resize(slice.entries.size() + (16 - count % 16) % 16, zero);
      slice.first_entry.push_back(slice.entries.size());
    }
  }
  std::size_t most = 0;
  for (std::size_t o = 0; o < out_c; ++o) {
    std::size_t entries = 0;
    for (const BitCounts& slice : value.slices) entries += slice.first_entry[o + 1] - slice.first_entry[o];
    most = std::max(most, entries);
  }
  value.is_wide = most > 255;
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
      cycles += vectors(slice.rows) *
                (static_cast<double>(slice.entries.size()) * 1.2 + s.out_c * (value.is_wide ? 240.0 : 140.0));
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

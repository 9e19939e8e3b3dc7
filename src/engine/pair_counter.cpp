// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/pair_counter.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "kernel.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_most_seen_bytes = std::size_t{64} << 20;

}  // namespace

PairCounter::Classes PairCounter::classify(int places, int filter, const auto& tap_range) {
  std::vector<std::vector<bool>> taps(static_cast<std::size_t>(places),
                                      std::vector<bool>(static_cast<std::size_t>(filter)));
  for (int k = 0; k < filter; ++k) {
    const TapRange range = tap_range(k);
    for (int i = 0; i < range.count; ++i)
      taps[static_cast<std::size_t>(range.first_in + i * range.in_step)][static_cast<std::size_t>(k)] = true;
  }
  Classes classes;
  std::map<std::vector<bool>, std::size_t> known;
  for (const std::vector<bool>& of_place : taps)
    classes.of_place.push_back(known.try_emplace(of_place, known.size()).first->second);
  classes.count = known.size();
  classes.meets.assign(static_cast<std::size_t>(filter), std::vector<bool>(known.size()));
  for (const auto& [of_class, number] : known)
    for (std::size_t k = 0; k < of_class.size(); ++k) classes.meets[k][number] = of_class[k];
  return classes;
}

PairCounter::PairCounter(const MultiplyAccumulate& op, PaddingTaps padding) : m_op(&op), m_padding(padding) {
  const ConvolutionShape& s = op.shape;
  m_rows = classify(s.in_h, s.filter_h, [&](int k) { return tap_rows(s, k); });
  m_columns = classify(s.in_w, s.filter_w, [&](int k) { return tap_columns(s, k); });
  const std::size_t histograms = m_rows.count * m_columns.count * static_cast<std::size_t>(s.in_c);
  if (histograms > k_most_seen_bytes / sizeof(Histogram)) m_pairs.assign(k_code_pairs, 0);
  else m_seen.assign(histograms * 256, 0);
}

PairCounter::PairCounter(const Program& program, std::size_t operator_index, PaddingTaps padding)
    : PairCounter(program.multiply_accumulate(operator_index), padding) {
  m_tensor = program.model().operators[operator_index].inputs[m_op->data_input];
}

void PairCounter::add(const Batch& batch) {
  add(batch.images() * static_cast<std::size_t>(m_op->shape.planes),
      reinterpret_cast<const std::uint8_t*>(batch.tensor(m_tensor).data()));
}

void PairCounter::add(std::size_t planes, const std::uint8_t* input) {
  if (!m_pairs.empty()) return count_pairs(*m_op, planes, input, m_padding, m_pairs);
  const ConvolutionShape& s = m_op->shape;
  const auto in_c = static_cast<std::size_t>(s.in_c);
  m_planes += planes;
  for (std::size_t plane = 0; plane < planes; ++plane)
    for (const std::size_t row : m_rows.of_place)
      for (const std::size_t column : m_columns.of_place) {
        std::uint64_t* seen = &m_seen[(row * m_columns.count + column) * in_c * 256];
        for (std::size_t c = 0; c < in_c; ++c, seen += 256) ++seen[*input++];
      }
}

void PairCounter::add(const PairCounter& other) {
  m_planes += other.m_planes;
  std::ranges::transform(m_seen, other.m_seen, m_seen.begin(), std::plus{});
  std::ranges::transform(m_pairs, other.m_pairs, m_pairs.begin(), std::plus{});
}

void PairCounter::add_to(std::span<std::uint64_t> counts) const {
  for (std::size_t i = 0; i < m_pairs.size(); ++i) counts[i] += m_pairs[i];
  if (!m_pairs.empty()) return;
  const ConvolutionShape& s = m_op->shape;
  const auto in_c = static_cast<std::size_t>(s.in_c);
  const auto group_in_c = static_cast<std::size_t>(s.group_in_c());
  const auto group_out_c = static_cast<std::size_t>(s.group_out_c());
  for (std::size_t ky = 0; ky < m_rows.meets.size(); ++ky)
    for (std::size_t kx = 0; kx < m_columns.meets.size(); ++kx)
      for (std::size_t c = 0; c < in_c; ++c) {
        std::array<std::uint64_t, 256> seen{};
        for (std::size_t row = 0; row < m_rows.count; ++row)
          for (std::size_t column = 0; column < m_columns.count; ++column) {
            if (!m_rows.meets[ky][row] || !m_columns.meets[kx][column]) continue;
            const std::uint64_t* of_class = &m_seen[((row * m_columns.count + column) * in_c + c) * 256];
            for (std::size_t x = 0; x < 256; ++x) seen[x] += of_class[x];
          }
        if (m_padding == PaddingTaps::multiply && !s.is_transposed) {
          const auto inside = static_cast<std::uint64_t>(tap_rows(s, static_cast<int>(ky)).count) *
                              static_cast<std::uint64_t>(tap_columns(s, static_cast<int>(kx)).count);
          seen[byte_index(m_op->codes.input_zero_point)] += m_planes * (s.out_pixels() - inside);
        }
        const std::size_t tap = (ky * m_columns.meets.size() + kx) * group_in_c + c % group_in_c;
        const std::size_t first_out = c / group_in_c * group_out_c;
        for (std::size_t out = first_out; out < first_out + group_out_c; ++out) {
          std::uint64_t* row = &counts[std::size_t{m_op->weights[out * s.taps() + tap]} * 256];
          for (std::size_t x = 0; x < 256; ++x) row[x] += seen[x];
        }
      }
}

}  // namespace qfi

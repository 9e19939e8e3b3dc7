// SPDX-License-Identifier: Apache-2.0
#include "qfi/workload/classification.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "qfi/model/stored_value.hpp"

namespace qfi {

Scores::Scores(const Tensor& tensor, std::span<const std::byte> image)
    : m_values(numbers_of(tensor.type, image)) {}

int Scores::top1() const {
  int best = -1;
  for (std::size_t c = 0; c < m_values.size(); ++c)
    if (!std::isnan(m_values[c]) && (best < 0 || m_values[c] > m_values[static_cast<std::size_t>(best)]))
      best = static_cast<int>(c);
  return best;
}

std::size_t Scores::rank(int label) const {
  constexpr std::size_t k_never = std::numeric_limits<std::size_t>::max();
  if (label < 0) return k_never;
  const auto place = static_cast<std::size_t>(label);
  const double own = m_values[place];
  if (std::isnan(own)) return k_never;
  std::size_t before = 0;
  for (std::size_t c = 0; c < m_values.size(); ++c)
    if (m_values[c] > own || (m_values[c] == own && c < place)) ++before;
  return before;
}

bool Scores::has_nan_or_infinity() const {
  return std::ranges::any_of(m_values, [](double value) { return !std::isfinite(value); });
}

bool Scores::ties_after(std::size_t k) const {
  if (m_values.size() <= k || has_nan_or_infinity()) return false;
  std::vector<double> sorted = m_values;
  std::ranges::sort(sorted, std::greater<>());
  return sorted[k - 1] == sorted[k];
}

bool Scores::hangs_on_tie(int label, std::size_t k) const {
  if (!ties_after(k) || label < 0) return false;
  std::vector<double> sorted = m_values;
  std::ranges::sort(sorted, std::greater<>());
  return m_values[static_cast<std::size_t>(label)] == sorted[k];
}

}  // namespace qfi

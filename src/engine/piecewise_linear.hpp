// SPDX-License-Identifier: Apache-2.0
// How the reference kernels tabulate a real function of an INT16 value: 512 straight pieces, each
// shifted by half its error in the middle.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace qfi {

class PiecewiseLinear {
 public:
  /// `first` and `last`: what the smallest and the largest code mean; results are multiplied by
  /// `output_factor`. Real: the precision that the runtime computes the table in.
  template <class Real, class Function>
  PiecewiseLinear(Real first, Real last, Real output_factor, const Function& function) {
    const Real step = (last - first) / k_pieces;
    for (int i = 0; i < k_pieces; ++i) {
      const Real left = first + static_cast<Real>(i) * step;
      const Real at_left = std::round(function(left) * output_factor);
      const Real at_right = function(first + static_cast<Real>(i + 1) * step) * output_factor;
      const Real interpolated = std::round((at_right + at_left) / 2);
      const Real error = interpolated - std::round(function(left + step / 2) * output_factor);
      m_values[static_cast<std::size_t>(i)] = clamped(at_left - std::round(error / 2));
    }
    m_values[k_pieces] = clamped(std::round(function(last) * output_factor));
  }

  std::int16_t operator()(std::int32_t code) const {
    const auto piece = static_cast<std::size_t>(256 + (code >> 7));
    const auto slope = static_cast<std::int16_t>(m_values[piece + 1] - m_values[piece]);
    return static_cast<std::int16_t>(m_values[piece] + ((slope * (code & 0x7f) + 64) >> 7));
  }

 private:
  template <class Real>
  static std::int16_t clamped(Real value) {
    if (std::isnan(value)) return 0;
    return static_cast<std::int16_t>(std::clamp<Real>(value, -32768, 32767));
  }

  static constexpr int k_pieces = 512;
  std::array<std::int16_t, k_pieces + 1> m_values{};
};

}  // namespace qfi

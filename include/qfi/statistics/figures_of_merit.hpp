// SPDX-License-Identifier: Apache-2.0
// Owns figures of merit of protected weights (heterogeneous quantization, 2025). Estimates go in; a number
// comes out. A study's page computes them from results by these names; a new one joins them here and in
// report/published.cpp.
#pragma once

namespace qfi {

/// Reliability, area, performance: what is lost of accuracy under faults (points), times memory and time as
/// multiples of a reference's; less is better. The published reference is the unprotected network of 3-bit
/// weights.
constexpr double rap(double drop_in_points, double memory, double time) {
  return drop_in_points * memory * time;
}

/// Chance of a drop, up to a factor: `weights` of `width` bits, `exposure` the lifetime as a multiple of the
/// test interval, `p_single` the chance of one flip in that interval.
constexpr double p_drop(double weights, double width, double exposure, double p_single, double bit_error_rate,
                        double drop) {
  return weights * weights * width * width * exposure * p_single * bit_error_rate * drop;
}

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// What random numbers are drawn for. The purpose names a stream of draws: a new use takes a name of its own,
// and none is ever changed, as results follow from it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>

namespace qfi::purpose {

// Which images.
inline constexpr const char* k_images = "images";
inline constexpr const char* k_image_order = "image order";  ///< nested: which images lie side by side
/// Nested: the order in which the groups of images meet a stratum's faults, each time anew.
inline std::string image_groups(std::size_t stratum, std::uint64_t turn) {
  return fmt::format("image groups of stratum {} turn {}", stratum, turn);
}
inline std::string images_of_class(std::int64_t label) { return fmt::format("images of class {}", label); }

// Which faults.
inline constexpr const char* k_fault_set = "fault set";  ///< the seeds of all sets but the first
inline constexpr const char* k_stuck_at = "stuck_at";
/// Bits of a stratum; paired: for an image of the data.
inline std::string stratum(std::size_t index, std::optional<std::uint64_t> image) {
  return image ? fmt::format("stratum {} image {}", index, *image) : fmt::format("stratum {}", index);
}
/// The bits of fault `index` of a stratum, where a fault has several, and which fault model each has.
inline std::string set_of_bits(const std::string& stratum, std::uint64_t index) {
  return fmt::format("{} set {}", stratum, index);
}
inline std::string models_of_set(const std::string& set_of_bits) { return set_of_bits + " model"; }
/// How many bits a draw at a bit error rate flips, and which.
inline constexpr const char* k_bit_error_count = "bit error count";
inline std::string bit_errors(std::uint64_t draw) { return fmt::format("bit errors of draw {}", draw); }
inline std::string individual(std::uint64_t generation, std::uint64_t individual) {
  return fmt::format("search generation {} individual {}", generation, individual);
}

// What is tried, measured or compared; no result depends on it but that something was found wrong.
inline constexpr const char* k_measure = "measure";
inline constexpr const char* k_verify = "verify";
inline constexpr const char* k_tried_neurons = "neurons that are tried";
inline constexpr const char* k_self_check_site = "self-check site";
inline constexpr const char* k_source_trace = "source trace";  ///< operands that tell gates' functions apart
inline constexpr const char* k_self_check_pair = "self-check pair";

// In which order faults are added up to show how estimates converge.
inline constexpr const char* k_convergence = "convergence";

}  // namespace qfi::purpose

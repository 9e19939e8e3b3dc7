// SPDX-License-Identifier: Apache-2.0
// What a product table adds to the exact products, as a few values that are there or not.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "error_table.hpp"

namespace qfi {

/// factor where pattern[class of the weight][input byte] is set.
struct ErrorPlane {
  static constexpr std::uint16_t k_never = 0xFFFF;
  std::int32_t factor = 1;
  std::array<std::uint16_t, 256> class_of_weight{};  ///< k_never: no input
  std::vector<std::array<bool, 256>> patterns;
};

/// error(w, x) = of_weight[w] + the planes' values, modulo 2^32, for the operands in use.
struct ErrorPlanes {
  std::array<std::int32_t, 256> of_weight{};
  std::vector<ErrorPlane> planes;

  std::int32_t at(std::size_t weight, std::size_t input) const;
};

/// nullopt: it takes more than `most` planes.
std::optional<ErrorPlanes> split_errors(const ErrorTable& table, const OperandsInUse& in_use,
                                        std::size_t most);

}  // namespace qfi

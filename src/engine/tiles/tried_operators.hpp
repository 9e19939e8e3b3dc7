// SPDX-License-Identifier: Apache-2.0
// What an operator of 8-bit values computes, found by trying its kernel: a table of its results, or which
// input byte each output byte is. What is found is checked on random inputs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../kernel.hpp"

namespace qfi::tiles {

/// The inputs that are no constants, in their order.
std::vector<int> variable_inputs(const Model& model, std::size_t operator_index);

/// table[x], or table[x * 256 + y] with two inputs that are no constants. nullopt: the operator is not
/// elementwise, or not of 8-bit values.
std::optional<std::vector<std::uint8_t>> element_table(const Model& model, std::size_t operator_index,
                                                       const Kernel& kernel);

/// GatherJob::sources over variable_inputs(). nullopt: the operator does not only move bytes.
std::optional<std::vector<std::int64_t>> gather_sources(const Model& model, std::size_t operator_index,
                                                        const Kernel& kernel);

/// The same with whole chunks as units. nullopt: they do not move together.
std::optional<std::vector<std::int64_t>> chunk_sources(const Model& model, std::size_t operator_index,
                                                       std::span<const std::int64_t> sources);

}  // namespace qfi::tiles

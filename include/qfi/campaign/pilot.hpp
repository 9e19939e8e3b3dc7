// SPDX-License-Identifier: Apache-2.0
// Owns the pilot of a nested design, which finds how many images each fault should meet. A FaultSet goes in;
// a number of images comes out, with what it follows from. It depends on the set alone, never on the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "qfi/fault_sets/fault_set.hpp"

namespace qfi {

/// What a pilot saw: faults of the set's sample on a few images each.
struct PilotFacts {
  std::uint64_t faults = 0;
  std::uint64_t images = 0;     ///< of each fault
  double between_variance = 0;  ///< of the faults' own shares of changed classes
  double within_variance = 0;   ///< between the images of a fault, mean over the faults
  double set_up_cost = 0;       ///< of a fault, in faulty inferences of one image
};

/// The images of each fault for which the mean over faults and images has the smallest variance at a given
/// cost: the root of cost * within / between, or that of `possible`, which rise, that is nearest in ratio.
std::uint64_t best_images_of_a_fault(const PilotFacts& facts, std::span<const std::uint64_t> possible);

/// Runs the pilot and leaves the set with that many images of a fault, 64 at most, and nothing drawn.
/// nullopt: one image is the only possible number. Errors: those of drawing and running; one image in all.
/// Precondition: a nested design.
Result<std::optional<PilotFacts>> choose_images_of_a_fault(FaultSet& set, unsigned threads);

}  // namespace qfi

// SPDX-License-Identifier: Apache-2.0
// Proofs that a tile machine computes what the engine computes, before anything is taken from it.
#pragma once

#include "tile_device.hpp"

namespace qfi::tiles {

/// Compares product jobs of odd shapes, on random and extreme operands, with the same tile programs on the
/// CPU: every width of tile, signed and unsigned inputs, several terms, rows and columns that fill no tile.
/// Error: they differ.
Result<void> prove_products(TileMachine& machine);

/// The same for errors that are counted: random shapes, images that fill no group. Error: they differ.
Result<void> prove_counts(TileMachine& machine);

/// Runs golden, random and extreme inputs through all steps, exact and under tables of several structures,
/// and compares what each step leaves with the engine's. Error: names the operator.
Result<void> prove_steps(TileDevice& device, const TileProgram& program, const DevicePlan& plan);

}  // namespace qfi::tiles

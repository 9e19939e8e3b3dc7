// SPDX-License-Identifier: Apache-2.0
// A program's operators as jobs of a tile machine, with what they have in common in the machine's memory.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "../kernel.hpp"
#include "tile_layer.hpp"

namespace qfi::tiles {

struct ElementStep {
  std::size_t table = 0;
};
struct GatherStep {
  std::size_t sources = 0;
  int unit = 1;
};

struct TileStep {
  std::size_t op = 0;
  std::vector<int> inputs;  ///< tensors that are no constants, at least one
  std::variant<TileLayer, ElementStep, LinearPair, GatherStep, PoolForm, SumForm> form;
};

/// Immutable; shared by the devices of all threads.
class TileProgram {
 public:
  /// Takes operators from `cut` on up to the first one that has no jobs. Throws MachineError.
  TileProgram(TileMachine& machine, const Program& program, std::size_t cut);

  const Program& program() const { return m_program; }
  std::size_t cut() const { return m_cut; }
  /// The first operator that is left to the CPU.
  std::size_t end() const { return m_end; }
  const std::vector<TileStep>& steps() const { return m_steps; }
  const TileConstants& constants() const { return m_constants; }

 private:
  std::optional<TileStep> step_of(std::size_t index, ByteBlock& block,
                                  std::vector<TileOperands>& exact) const;

  const Program& m_program;
  std::size_t m_cut;
  std::size_t m_end;
  std::vector<TileStep> m_steps;
  TileConstants m_constants;
};

}  // namespace qfi::tiles

// SPDX-License-Identifier: Apache-2.0
#include "tile_program.hpp"

#include <algorithm>

#include "tried_operators.hpp"

namespace qfi::tiles {

TileProgram::TileProgram(TileMachine& machine, const Program& program, std::size_t cut)
    : m_program(program), m_cut(cut), m_end(cut) {
  ByteBlock block;
  std::vector<TileOperands> exact;
  for (; m_end < program.model().operators.size(); ++m_end) {
    if (program.is_folded(m_end)) continue;
    auto step = step_of(m_end, block, exact);
    if (!step) break;
    m_steps.push_back(std::move(*step));
  }
  std::vector<TileLayer*> layers;
  for (TileStep& step : m_steps)
    if (auto* layer = std::get_if<TileLayer>(&step.form)) layers.push_back(layer);
  m_constants = make_constants(machine, block, std::move(exact), layers);
}

std::optional<TileStep> TileProgram::step_of(std::size_t index, ByteBlock& block,
                                             std::vector<TileOperands>& exact) const {
  const Kernel& kernel = m_program.kernel(index);
  const Model& model = m_program.model();
  if (const MultiplyAccumulate* op = kernel.multiply_accumulate())
    return TileStep{index, add_layer(*op, block, exact)};
  if (variable_inputs(model, index).empty()) return std::nullopt;
  const DeviceForm form = kernel.device_form();
  if (const auto* pool = std::get_if<PoolForm>(&form)) return TileStep{index, *pool};
  if (const auto* sum = std::get_if<SumForm>(&form)) return TileStep{index, *sum};
  const auto is_variable = [&](int input) {
    return !model.tensors[static_cast<std::size_t>(input)].is_constant;
  };
  if (const auto* pair = std::get_if<LinearPair>(&form);
      pair != nullptr && std::ranges::all_of(model.operators[index].inputs, is_variable))
    return TileStep{index, *pair};
  if (const auto table = element_table(model, index, kernel))
    return TileStep{index, ElementStep{block.add_values(*table)}};
  if (const auto sources = gather_sources(model, index, kernel)) {
    const auto chunks = chunk_sources(model, index, *sources);
    return TileStep{index, chunks ? GatherStep{block.add_values(*chunks), k_chunk}
                                  : GatherStep{block.add_values(*sources), 1}};
  }
  return std::nullopt;
}

}  // namespace qfi::tiles

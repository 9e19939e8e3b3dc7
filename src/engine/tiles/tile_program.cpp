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
  TileStep step{index, variable_inputs(model, index), {}};
  if (step.inputs.empty()) return std::nullopt;
  const DeviceForm form = kernel.device_form();
  const bool has_constants = std::ranges::any_of(model.operators[index].inputs, [&](int input) {
    return input == k_no_tensor || model.tensors[static_cast<std::size_t>(input)].is_constant;
  });
  if (const MultiplyAccumulate* op = kernel.multiply_accumulate()) {
    step.form = add_layer(*op, block, exact);
  } else if (const auto* pool = std::get_if<PoolForm>(&form)) {
    step.form = *pool;
  } else if (const auto* sum = std::get_if<SumForm>(&form)) {
    step.form = *sum;
  } else if (const auto* pair = std::get_if<LinearPair>(&form); pair != nullptr && !has_constants) {
    step.form = *pair;
  } else if (const auto table = element_table(model, index, kernel)) {
    step.form = ElementStep{block.add_values(*table)};
  } else if (const auto sources = gather_sources(model, index, kernel)) {
    const auto chunks = chunk_sources(model, index, *sources);
    step.form =
        chunks ? GatherStep{block.add_values(*chunks), k_chunk} : GatherStep{block.add_values(*sources), 1};
  } else {
    return std::nullopt;
  }
  return step;
}

}  // namespace qfi::tiles

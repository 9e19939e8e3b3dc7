// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/golden_activations.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernel.hpp"
#include "kernels/changed_sums.hpp"
#include "layer_bounds.hpp"
#include "qfi/base/parallel.hpp"
#include "qfi/engine/propagation.hpp"

namespace qfi {
namespace {

std::size_t outputs_of(const Program& program, std::size_t index) {
  return program.model()
      .tensors[static_cast<std::size_t>(program.model().operators[index].outputs[0])]
      .elements();
}

// Model inputs, and outputs of operators that run.
std::vector<int> computed_tensors(const Program& program) {
  std::vector<int> tensors = program.model().inputs;
  for (std::size_t i = 0; i < program.model().operators.size(); ++i)
    if (!program.is_folded(i))
      for (const int tensor : program.model().operators[i].outputs) tensors.push_back(tensor);
  return tensors;
}

}  // namespace

std::size_t GoldenActivations::bytes_per_image(const Program& program) {
  std::size_t bytes = 0;
  for (const int tensor : computed_tensors(program))
    bytes += program.model().tensors[static_cast<std::size_t>(tensor)].bytes();
  for (std::size_t i = 0; i < program.model().operators.size(); ++i)
    if (program.multiplies_weights(i))
      bytes += outputs_of(program, i) * (sizeof(std::int32_t) + sizeof(Slack));
  return bytes;
}

GoldenActivations::GoldenActivations(const Propagation& propagation, std::size_t images)
    : m_propagation(propagation), m_program(propagation.program()), m_images(images) {
  const Model& model = m_program.model();
  m_tensors.resize(model.tensors.size());
  m_accumulators.resize(model.operators.size());
  m_slacks.resize(model.operators.size());
  for (const int tensor : computed_tensors(m_program)) {
    const auto t = static_cast<std::size_t>(tensor);
    m_tensors[t].resize(images * model.tensors[t].bytes());
  }
  for (std::size_t i = 0; i < model.operators.size(); ++i)
    if (m_program.multiplies_weights(i)) {
      m_accumulators[i].resize(images * outputs_of(m_program, i) + k_sum_lanes);
      if (propagation.bounds(i) != nullptr) m_slacks[i].resize(images * outputs_of(m_program, i));
    }
}

GoldenActivations::~GoldenActivations() = default;

void GoldenActivations::run(unsigned threads) {
  static std::atomic<std::uint64_t> runs = 0;
  m_version = ++runs;
  constexpr std::size_t k_slice = 8;
  parallel_for((m_images + k_slice - 1) / k_slice, threads, [&](std::size_t slice, unsigned) {
    run_images(slice * k_slice, std::min(k_slice, m_images - slice * k_slice));
  });
}

void GoldenActivations::run_images(std::size_t first, std::size_t count) {
  std::vector<std::byte> scratch;
  const auto place = [&](int index) {
    auto& tensor = m_tensors[static_cast<std::size_t>(index)];
    return tensor.data() + first * (tensor.size() / m_images);
  };
  for (std::size_t i = 0; i < m_program.model().operators.size(); ++i) {
    if (m_program.is_folded(i)) continue;
    KernelCall call = make_call(m_program.model(), i, count, place, place);
    call.scratch = &scratch;
    const std::size_t outputs = outputs_of(m_program, i);
    if (!m_accumulators[i].empty()) call.accumulators = m_accumulators[i].data() + first * outputs;
    m_program.kernel(i).run(call);
    if (const LayerBounds* layer = m_propagation.bounds(i))
      layer->find_slacks(call.accumulators, call.out<std::uint8_t>(0), count * outputs,
                         m_slacks[i].data() + first * outputs);
  }
}

std::span<const std::byte> GoldenActivations::tensor(int index, std::size_t image) const {
  const auto t = static_cast<std::size_t>(index);
  const std::size_t bytes = m_tensors[t].size() / m_images;
  return std::span(m_tensors[t]).subspan(image * bytes, bytes);
}

const std::int32_t* GoldenActivations::accumulators(std::size_t index, std::size_t image) const {
  if (m_accumulators[index].empty()) return nullptr;
  return m_accumulators[index].data() + outputs_of(m_program, index) * image;
}

const Slack* GoldenActivations::slacks(std::size_t index, std::size_t image) const {
  return m_slacks[index].empty() ? nullptr
                                 : m_slacks[index].data() + m_slacks[index].size() / m_images * image;
}

void GoldenActivations::restore(std::size_t first, std::size_t image, std::size_t count, Batch& batch) const {
  batch.set_images(count);
  for (const int tensor : m_program.live_tensors(first, m_program.params().kept_tensors)) {
    const std::size_t bytes = m_program.model().tensors[static_cast<std::size_t>(tensor)].bytes();
    const auto& golden = m_tensors[static_cast<std::size_t>(tensor)];
    std::memcpy(batch.tensor(tensor).data(), golden.data() + image * bytes, count * bytes);
  }
}

void GoldenActivations::repeat(std::size_t first, std::size_t image, Batch& batch) const {
  for (const int index : m_program.live_tensors(first, m_program.params().kept_tensors)) {
    const std::span<const std::byte> golden = tensor(index, image);
    std::byte* place = batch.tensor(index).data();
    for (std::size_t i = 0; i < batch.images(); ++i, place += golden.size())
      std::memcpy(place, golden.data(), golden.size());
  }
}

}  // namespace qfi

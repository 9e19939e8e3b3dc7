// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/propagation.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "changed_layer.hpp"
#include "kernel.hpp"
#include "layer_bounds.hpp"
#include "layer_faults.hpp"
#include "pixel_map.hpp"

namespace qfi {

namespace {

// So many changed weights are cheaper to run as a layer of their own.
constexpr std::size_t k_most_changes = 64;
// A thread's share of the last cache.
constexpr std::size_t k_cache_bytes = std::size_t{8} << 20;

std::int32_t code_in(const Tensor& tensor, std::uint32_t bits) {
  switch (tensor.type) {
    case TensorType::int8: return static_cast<std::int8_t>(bits);
    case TensorType::uint8: return static_cast<std::uint8_t>(bits);
    default: return static_cast<std::int32_t>(bits);
  }
}

std::uint32_t bits_at(std::span<const std::byte> values, std::uint64_t element, std::size_t bytes) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, values.data() + element * bytes, bytes);
  return bits;
}

LayerFaults::Channel& channel_of(LayerFaults& faults, std::size_t channel) {
  for (LayerFaults::Channel& known : faults.channels)
    if (known.channel == channel) return known;
  faults.channels.push_back({channel, 0, {}});
  return faults.channels.back();
}

void add_constant(const Model& model, std::size_t index, const ConstantFault& fault,
                  const ConvolutionShape& s, LayerFaults& faults) {
  const Operator& op = model.operators[index];
  const LayerInputs inputs = *layer_inputs(op.kind);
  const Tensor& tensor = model.tensors[static_cast<std::size_t>(fault.tensor)];
  const auto old_bits = bits_at(tensor.data, fault.element, size_of(tensor.type));
  if (inputs.bias < op.inputs.size() && op.inputs[inputs.bias] == fault.tensor) {
    channel_of(faults, fault.element).bias_delta += fault.bits - old_bits;
    return;
  }
  // In the file: [out_c][tap][in channel of the group]; DEPTHWISE_CONV_2D: [tap][out_c].
  const std::size_t group_in = static_cast<std::size_t>(s.group_in_c());
  const std::int32_t delta = code_in(tensor, fault.bits) - code_in(tensor, old_bits);
  if (op.kind == OperatorKind::depthwise_conv_2d) {
    const auto out_c = static_cast<std::size_t>(s.out_c);
    channel_of(faults, fault.element % out_c).weights.push_back({fault.element / out_c, 0, delta});
  } else {
    const std::size_t in_filter = fault.element % s.taps();
    channel_of(faults, fault.element / s.taps())
        .weights.push_back({in_filter / group_in, in_filter % group_in, delta});
  }
}

// Measured on images of zeros.
std::unique_ptr<ChangedLayer> make_layer(const Program& program, std::size_t index,
                                         const MultiplyAccumulate& op) {
  const Model& model = program.model();
  const auto tensor = [&](int t) -> const Tensor& { return model.tensors[static_cast<std::size_t>(t)]; };
  const Tensor& input = tensor(model.operators[index].inputs[op.data_input]);
  const Tensor& output = tensor(model.operators[index].outputs[0]);
  auto layer = std::make_unique<ChangedLayer>(op, input, output);
  const std::vector<std::byte> in(ChangedLayer::k_many_images * input.bytes());
  std::vector<std::byte> out(ChangedLayer::k_many_images * output.bytes());
  std::vector<std::byte> scratch;
  layer->set_prices(layer->measured([&](std::size_t images) {
    KernelCall call = make_call(
        model, index, images, [&](int) { return in.data(); }, [&](int) { return out.data(); });
    call.scratch = &scratch;
    program.kernel(index).run(call);
  }));
  return layer;
}

}  // namespace

PreparedConstants::PreparedConstants() : m_layers(std::make_unique<LayerFaultsOfOperators>()) {}
PreparedConstants::PreparedConstants(PreparedConstants&&) noexcept = default;
PreparedConstants& PreparedConstants::operator=(PreparedConstants&&) noexcept = default;
PreparedConstants::~PreparedConstants() = default;

Propagation::~Propagation() = default;

Propagation::Propagation(const Program& program, bool knows_bounds) : m_program(program) {
  const Model& model = program.model();
  m_layers.resize(model.operators.size());
  m_windows.resize(model.operators.size());
  m_bounds.resize(model.operators.size());
  std::size_t channels = 0;  // with thresholds
  for (std::size_t i = 0; i < model.operators.size(); ++i) {
    if (program.is_folded(i)) continue;
    if (const ConvolutionShape* window = program.kernel(i).window())
      m_windows[i] = std::make_unique<WindowReach>(*window);
    if (!program.multiplies_weights(i)) continue;
    const MultiplyAccumulate& op = *program.kernel(i).multiply_accumulate();
    m_layers[i] = make_layer(program, i, op);
    if (!knows_bounds) continue;
    constexpr std::size_t k_most_channels = 1 << 16;
    channels += static_cast<std::size_t>(op.shape.out_c);
    m_bounds[i] = std::make_unique<LayerBounds>(op, channels <= k_most_channels);
  }
  m_readers.resize(model.tensors.size());
  for (std::size_t i = 0; i < model.operators.size(); ++i)
    for (const int tensor : model.operators[i].inputs) {
      if (tensor == k_no_tensor) continue;
      std::vector<std::size_t>& readers = m_readers[static_cast<std::size_t>(tensor)];
      if (readers.empty() || readers.back() != i) readers.push_back(i);
    }
  for (const auto& readers : m_readers) m_last_use.push_back(readers.empty() ? 0 : readers.back());
  for (const auto* kept : {&model.outputs, &program.params().kept_tensors})
    for (const int tensor : *kept) m_last_use[static_cast<std::size_t>(tensor)] = model.operators.size();
  constexpr std::size_t k_fewest_images = 4;
  m_golden_bytes = GoldenActivations::bytes_per_image(program);
  for (const Tensor& tensor : model.tensors) m_inference_bytes += tensor.is_constant ? 0 : tensor.bytes();
  m_images_together = std::clamp(k_cache_bytes / std::max<std::size_t>(m_golden_bytes, 1), k_fewest_images,
                                 Propagator::k_most_inferences);
}

std::size_t Propagation::faults_together(std::size_t images) const {
  constexpr std::size_t k_inferences = 32;  // more gain nothing
  const std::size_t left = k_cache_bytes - std::min(k_cache_bytes, images * m_golden_bytes);
  const std::size_t fitting = left / std::max<std::size_t>(images * m_inference_bytes, 1);
  return std::max<std::size_t>(1, std::min(fitting, k_inferences / images));
}

std::size_t Propagation::first_operator(std::span<const ConstantFault> constants,
                                        std::span<const DataFault> data) const {
  std::size_t first = m_program.model().operators.size();
  for (const ConstantFault& fault : constants)
    for (const std::size_t reader : m_readers[static_cast<std::size_t>(fault.tensor)])
      first = std::min(first, reader);
  for (const DataFault& fault : data)
    first = std::min(first, fault.stage == Stage::network_input ? 0 : fault.operator_index);
  return first;
}

Result<PreparedConstants> Propagation::prepare(std::span<const ConstantFault> faults) const {
  PreparedConstants result;
  bool needs_operators = faults.size() > k_most_changes;
  const Model& model = m_program.model();
  for (const ConstantFault& fault : faults)
    for (const std::size_t i : m_readers[static_cast<std::size_t>(fault.tensor)]) {
      const Operator& op = model.operators[i];
      const auto inputs = layer_inputs(op.kind);
      const auto reads_as = [&](std::size_t k) {
        return k < op.inputs.size() && op.inputs[k] == fault.tensor;
      };
      const bool is_parameter = inputs && (reads_as(inputs->weights) != reads_as(inputs->bias)) &&
                                std::ranges::count(op.inputs, fault.tensor) == 1;
      needs_operators = needs_operators || m_layers[i] == nullptr || !is_parameter;
      if (needs_operators) break;
      add_constant(model, i, fault, m_layers[i]->op().shape, (*result.m_layers)[i]);
    }
  if (!needs_operators) return result;
  result.m_layers->clear();
  QFI_TRY(result.m_operators, m_program.with_constants(faults));
  return result;
}

void run_with_faults(const Program& program, Batch& batch, std::size_t first,
                     const ChangedOperators& operators, std::span<const DataFault> data) {
  const Model& model = program.model();
  const auto for_values = [&](Stage stage, std::size_t index, const auto& use) {
    for (const DataFault& fault : data)
      if (fault.stage == stage && (stage == Stage::network_input || fault.operator_index == index))
        for (std::size_t image = 0; image < batch.images(); ++image) use(fault, image);
  };
  const auto value_of = [&](const DataFault& fault, std::size_t image) {
    const Tensor& tensor = model.tensors[static_cast<std::size_t>(fault.tensor)];
    const std::size_t bytes = size_of(tensor.type);
    return batch.tensor(fault.tensor).subspan(image * tensor.bytes() + fault.element * bytes, bytes);
  };
  const auto read_faultily = [&](const DataFault& fault, std::size_t image) {
    const auto value = value_of(fault, image);
    const std::uint32_t bits = fault.read(bits_at(value, 0, value.size()), image);
    std::memcpy(value.data(), &bits, value.size());
  };
  if (first == 0) for_values(Stage::network_input, 0, read_faultily);
  for (std::size_t i = first; i < model.operators.size(); ++i) {
    std::vector<std::pair<std::span<std::byte>, std::uint32_t>> right;  // what other operators read
    for_values(Stage::operator_input, i, [&](const DataFault& fault, std::size_t image) {
      const auto value = value_of(fault, image);
      right.emplace_back(value, bits_at(value, 0, value.size()));
      read_faultily(fault, image);
    });
    program.run(batch, i, i + 1, nullptr, &operators);
    for_values(Stage::accumulator, i, [&](const DataFault& fault, std::size_t image) {
      program.fault_accumulator(
          batch, image, i, fault.element, [&](std::uint32_t bits) { return fault.read(bits, image); },
          &operators);
    });
    for_values(Stage::output, i, read_faultily);
    for (auto value = right.rbegin(); value != right.rend(); ++value)
      std::memcpy(value->first.data(), &value->second, value->first.size());
  }
}

}  // namespace qfi

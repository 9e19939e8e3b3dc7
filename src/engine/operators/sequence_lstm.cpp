// SPDX-License-Identifier: Apache-2.0
// UNIDIRECTIONAL_SEQUENCE_LSTM of INT8 with an INT16 cell. Every image is a sequence of its own: both states
// start as zeros and go from one step to the next.
#include <array>
#include <cmath>

#include "../kernel.hpp"
#include "qfi/arith/fixed_point_16.hpp"

namespace qfi {
namespace {

constexpr std::size_t k_gates = 4;
enum Gate : std::size_t { input_gate, forget_gate, cell_gate, output_gate };

// These are the places of the operator's inputs.
constexpr std::size_t k_input_weights = 1;
constexpr std::size_t k_recurrent_weights = 5;
constexpr std::size_t k_peepholes = 9;
constexpr std::size_t k_biases = 12;
constexpr std::size_t k_projection = 16;
constexpr std::size_t k_layer_norms = 20;
constexpr std::size_t k_all_inputs = 24;

struct LstmShape {
  std::size_t sequences = 1, steps = 1, features = 1, cells = 1;
  bool is_time_major = false;

  std::size_t vector(std::size_t sequence, std::size_t step) const {
    return is_time_major ? step * sequences + sequence : sequence * steps + step;
  }
};

struct LstmScaling {
  std::array<QuantizedMultiplier, k_gates> input, recurrent;
  QuantizedMultiplier hidden;
  std::int32_t input_zero = 0, state_zero = 0, hidden_zero = 0;
  int cell_exponent = 0;       ///< the cell's scale is 2^cell_exponent
  std::int16_t cell_clip = 0;  ///< 0: none
};

// The state of one sequence between two steps.
struct LstmState {
  std::vector<std::int8_t> output;
  std::vector<std::int16_t> cell;
};

std::int16_t product(std::int16_t a, std::int16_t b, int shift) {
  return static_cast<std::int16_t>(rounding_divide_by_power_of_two(std::int32_t{a} * b, shift));
}

class SequenceLstmKernel final : public Kernel {
 public:
  SequenceLstmKernel(const LstmShape& shape, const LstmScaling& scaling, bool couples_gates)
      : m_shape(shape), m_scaling(scaling), m_couples_gates(couples_gates) {}

  void run(const KernelCall& call) const override {
    for (std::size_t image = 0; image < call.images; ++image)
      for (std::size_t sequence = 0; sequence < m_shape.sequences; ++sequence) {
        LstmState state{
            std::vector<std::int8_t>(m_shape.cells, static_cast<std::int8_t>(m_scaling.state_zero)),
            std::vector<std::int16_t>(m_shape.cells)};
        for (std::size_t step = 0; step < m_shape.steps; ++step) {
          const std::size_t place = m_shape.vector(sequence, step);
          advance(call, call.input<std::int8_t>(0, image) + place * m_shape.features, state);
          std::ranges::copy(state.output, call.out<std::int8_t>(image) + place * m_shape.cells);
        }
      }
  }

  std::uint64_t multiplications() const override {
    const std::uint64_t gates = m_couples_gates ? 3 : 4;
    return m_shape.sequences * m_shape.steps * gates * m_shape.cells * (m_shape.features + m_shape.cells);
  }

 private:
  void advance(const KernelCall& call, const std::int8_t* x, LstmState& state) const {
    std::vector<std::int8_t> output(m_shape.cells);
    for (std::size_t c = 0; c < m_shape.cells; ++c) {
      const std::int16_t forget = logistic_16(gate_sum(call, forget_gate, c, x, state));
      const std::int16_t input = m_couples_gates ? static_cast<std::int16_t>(32767 - forget)
                                                 : logistic_16(gate_sum(call, input_gate, c, x, state));
      const std::int16_t update = tanh_16(gate_sum(call, cell_gate, c, x, state), 3);
      const std::int16_t pass = logistic_16(gate_sum(call, output_gate, c, x, state));
      state.cell[c] = next_cell(state.cell[c], forget, input, update);
      output[c] = hidden(pass, tanh_16(state.cell[c], 15 + m_scaling.cell_exponent));
    }
    state.output = std::move(output);
  }

  // What the gate's activation gets, in Q3.12. Each of the two sums is scaled and saturated by itself.
  std::int16_t gate_sum(const KernelCall& call, std::size_t gate, std::size_t cell, const std::int8_t* x,
                        const LstmState& state) const {
    const auto* weights = call.input<std::int8_t>(k_input_weights + gate, 0) + cell * m_shape.features;
    std::int32_t sum = call.input<std::int32_t>(k_biases + gate, 0)[cell];
    for (std::size_t i = 0; i < m_shape.features; ++i)
      sum = wrapping_add(sum, weights[i] * (x[i] - m_scaling.input_zero));
    const auto from_input =
        saturated<std::int16_t>(multiply_by_quantized_multiplier(sum, m_scaling.input[gate]));
    weights = call.input<std::int8_t>(k_recurrent_weights + gate, 0) + cell * m_shape.cells;
    sum = 0;
    for (std::size_t i = 0; i < m_shape.cells; ++i)
      sum = wrapping_add(sum, weights[i] * (state.output[i] - m_scaling.state_zero));
    const std::int32_t from_state = multiply_by_quantized_multiplier(sum, m_scaling.recurrent[gate]);
    return saturated<std::int16_t>(wrapping_add(from_state, from_input));
  }

  std::int16_t next_cell(std::int16_t cell, std::int16_t forget, std::int16_t input,
                         std::int16_t update) const {
    const std::int32_t kept = product(forget, cell, 15);
    const std::int32_t added = product(input, update, 30 + m_scaling.cell_exponent);
    const auto sum = saturated<std::int16_t>(kept + added);
    const std::int16_t clip = m_scaling.cell_clip;
    return clip > 0 ? std::clamp<std::int16_t>(sum, static_cast<std::int16_t>(-clip), clip) : sum;
  }

  std::int8_t hidden(std::int16_t pass, std::int16_t cell) const {
    const std::int32_t scaled = multiply_by_quantized_multiplier(std::int32_t{pass} * cell, m_scaling.hidden);
    return saturated<std::int8_t>(wrapping_add(scaled, m_scaling.hidden_zero));
  }

  LstmShape m_shape;
  LstmScaling m_scaling;
  bool m_couples_gates;
};

Result<void> check_is_plain(const OperatorView& view) {
  const auto& options = view.options<LstmOptions>();
  for (std::size_t k = 0; k < 3; ++k)
    if (view.has_input(k_peepholes + k)) return bad_input("peephole weights are not supported");
  if (view.has_input(k_projection) || view.has_input(k_projection + 1))
    return bad_input("a projection is not supported");
  for (std::size_t k = 0; k < k_gates; ++k)
    if (view.has_input(k_layer_norms + k)) return bad_input("layer normalization is not supported");
  if (options.has_diagonal_weights) return bad_input("diagonal recurrent weights are not supported");
  if (!(options.cell_clip >= 0.0F)) return bad_input("the cell's clip {} is negative", options.cell_clip);
  return {};
}

Result<void> check_parameter(const OperatorView& view, std::size_t k, TensorType type,
                             const std::vector<std::size_t>& shape) {
  if (!view.has_input(k)) return bad_input("input {} is missing", k);
  const Tensor& tensor = view.input(k);
  if (!tensor.is_constant) return bad_input("'{}' is not a constant", tensor.name);
  if (tensor.type != type) return bad_input("'{}' is not {}", tensor.name, name_of(type));
  if (!std::ranges::equal(tensor.shape, shape, [](int a, std::size_t b) { return std::cmp_equal(a, b); }))
    return bad_input("the shape of '{}' does not fit the other weights", tensor.name);
  if (type != TensorType::int8) return {};
  if (tensor.quantization.scales.size() != 1 || tensor.quantization.zero_points[0] != 0)
    return bad_input("'{}' needs one scale and the zero point 0", tensor.name);
  return {};
}

Result<LstmShape> lstm_shape(const OperatorView& view) {
  const std::vector<int>& x = view.input(0).shape;
  if (x.size() != 3) return bad_input("its input needs 3 dimensions");
  const auto size = [&](std::size_t d) { return static_cast<std::size_t>(x[d]); };
  LstmShape shape{size(0), size(1), size(2), 1, view.options<LstmOptions>().is_time_major};
  if (shape.is_time_major) std::swap(shape.sequences, shape.steps);
  if (!view.has_input(k_biases + forget_gate) || view.input(k_biases + forget_gate).shape.size() != 1)
    return bad_input("the bias of its forget gate is missing");
  shape.cells = static_cast<std::size_t>(view.input(k_biases + forget_gate).shape[0]);
  return shape;
}

Result<void> check_parameters(const OperatorView& view, const LstmShape& shape, bool couples_gates) {
  for (std::size_t gate = couples_gates ? 1 : 0; gate < k_gates; ++gate) {
    QFI_CHECK(check_parameter(view, k_input_weights + gate, TensorType::int8, {shape.cells, shape.features}));
    QFI_CHECK(
        check_parameter(view, k_recurrent_weights + gate, TensorType::int8, {shape.cells, shape.cells}));
    QFI_CHECK(check_parameter(view, k_biases + gate, TensorType::int32, {shape.cells}));
  }
  return {};
}

Result<void> check_states(const LstmOptions& options) {
  if (options.output_state.scales.size() != 1 || options.cell_state.scales.size() != 1 ||
      options.hidden.scales.size() != 1)
    return bad_input("its states and its hidden output need one scale each");
  return {};
}

// The runtime computes the factors in single precision.
Result<LstmScaling> lstm_scaling(const OperatorView& view, bool couples_gates) {
  const auto& options = view.options<LstmOptions>();
  QFI_CHECK(check_states(options));
  LstmScaling scaling;
  const auto exponent = power_of_two(options.cell_state.scales[0]);
  if (!exponent || *exponent < -15 || *exponent > -9)
    return bad_input("the scale {} of its cell is none of 2^-15 .. 2^-9", options.cell_state.scales[0]);
  scaling.cell_exponent = *exponent;
  scaling.cell_clip =
      static_cast<std::int16_t>(std::min(options.cell_clip / options.cell_state.scales[0], 32767.0F));
  const Quantization& x = view.input(0).quantization;
  scaling.input_zero = x.zero_points[0];
  scaling.state_zero = options.output_state.zero_points[0];
  scaling.hidden_zero = options.hidden.zero_points[0];
  constexpr float k_gate_scale = 1.0F / 4096.0F;
  for (std::size_t gate = couples_gates ? 1 : 0; gate < k_gates; ++gate) {
    const float input = view.input(k_input_weights + gate).quantization.scales[0];
    const float recurrent = view.input(k_recurrent_weights + gate).quantization.scales[0];
    QFI_TRY(scaling.input[gate], factor_of(input * x.scales[0] / k_gate_scale));
    QFI_TRY(scaling.recurrent[gate], factor_of(recurrent * options.output_state.scales[0] / k_gate_scale));
  }
  const double hidden = std::ldexp(1.0, -15) / double{options.hidden.scales[0]} * std::ldexp(1.0, -15);
  QFI_TRY(scaling.hidden, factor_of(double{static_cast<float>(hidden)}));
  return scaling;
}

}  // namespace

PreparedKernel prepare_sequence_lstm(const OperatorView& view) {
  QFI_CHECK(view.check_counts(1, k_all_inputs));
  QFI_CHECK(view.check_types(0, {TensorType::int8}));
  QFI_CHECK(check_is_plain(view));
  QFI_TRY(const LstmShape shape, lstm_shape(view));
  const bool couples_gates = !view.has_input(k_input_weights);
  QFI_CHECK(check_parameters(view, shape, couples_gates));
  QFI_TRY(const LstmScaling scaling, lstm_scaling(view, couples_gates));
  const std::vector<int>& x = view.input(0).shape;
  QFI_CHECK(view.set_output_shape(std::vector<int>{x[0], x[1], static_cast<int>(shape.cells)}));
  return std::make_unique<SequenceLstmKernel>(shape, scaling, couples_gates);
}

}  // namespace qfi

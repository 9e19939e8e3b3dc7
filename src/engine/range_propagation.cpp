// SPDX-License-Identifier: Apache-2.0
#include "qfi/engine/range_propagation.hpp"

#include <algorithm>

#include "kernel.hpp"
#include "layer_bounds.hpp"

namespace qfi {
namespace {

const std::uint8_t* bytes(std::span<const std::byte> values) {
  return reinterpret_cast<const std::uint8_t*>(values.data());
}

}  // namespace

struct RangePropagator::State {
  struct Bounds {
    std::vector<std::uint8_t> low, high;  ///< of all elements, as stored
    Elements places;  ///< where one is not the golden value; empty: low and high mean nothing
  };

  const Propagation& propagation;
  const Model& model;
  std::vector<Bounds> tensors;
  std::vector<int> touched;
  std::vector<std::byte> scratch;
  LayerBounds::RangeScratch layer_scratch;
  const GoldenActivations* golden = nullptr;
  std::size_t image = 0;

  explicit State(const Propagation& made_ready)
      : propagation(made_ready), model(made_ready.program().model()), tensors(model.tensors.size()) {}

  Bounds& bounds(int tensor) { return tensors[static_cast<std::size_t>(tensor)]; }
  const Tensor& tensor(int index) const { return model.tensors[static_cast<std::size_t>(index)]; }
  bool is_8_bit(int index) const {
    return tensor(index).type == TensorType::int8 || tensor(index).type == TensorType::uint8;
  }

  Bounds& begin(int index) {
    Bounds& to = bounds(index);
    const auto values = golden->tensor(index, image);
    to.low.assign(bytes(values), bytes(values) + values.size());
    to.high = to.low;
    touched.push_back(index);
    return to;
  }

  void reset() {
    for (const int index : touched) bounds(index).places.clear();
    touched.clear();
  }

  bool differs(const Operator& op) {
    return std::ranges::any_of(
        op.inputs, [&](int index) { return index != k_no_tensor && !bounds(index).places.empty(); });
  }

  bool bound_layer(std::size_t index, const LayerBounds& layer) {
    const Operator& op = model.operators[index];
    const int in = op.inputs[layer.op().data_input];
    const bool reads_it_elsewhere = std::ranges::count_if(op.inputs, [&](int input) {
                                      return input != k_no_tensor && !bounds(input).places.empty();
                                    }) != 1;
    if (reads_it_elsewhere || bounds(in).places.empty()) return false;
    const int out = op.outputs[0];
    Bounds& to = begin(out);
    return layer.bound({bytes(golden->tensor(in, image)), golden->accumulators(index, image),
                        bytes(golden->tensor(out, image)), golden->slacks(index, image)},
                       {bounds(in).places, bounds(in).low.data(), bounds(in).high.data()},
                       {to.places, to.low.data(), to.high.data()}, layer_scratch);
  }

  void run_kernel(std::size_t index, std::vector<std::uint8_t> Bounds::*end) {
    KernelCall call = make_call(
        model, index, 1,
        [&](int input) {
          return bounds(input).places.empty()
                     ? golden->tensor(input, image).data()
                     : reinterpret_cast<const std::byte*>((bounds(input).*end).data());
        },
        [&](int output) { return reinterpret_cast<std::byte*>((bounds(output).*end).data()); });
    call.scratch = &scratch;
    propagation.program().kernel(index).run(call);
  }

  bool bound_rising(std::size_t index) {
    const Operator& op = model.operators[index];
    const int out = op.outputs[0];
    if (!propagation.program().kernel(index).rises() || op.outputs.size() != 1 || !is_8_bit(out))
      return false;
    Bounds& to = begin(out);
    run_kernel(index, &Bounds::low);
    run_kernel(index, &Bounds::high);
    const std::uint8_t* values = bytes(golden->tensor(out, image));
    for (std::size_t i = 0; i < to.low.size(); ++i)
      if (to.low[i] != values[i] || to.high[i] != values[i])
        to.places.push_back(static_cast<std::uint32_t>(i));
    return true;
  }

  bool step(std::size_t index) {
    const LayerBounds* layer = propagation.bounds(index);
    return layer != nullptr ? bound_layer(index, *layer) : bound_rising(index);
  }
};

RangePropagator::RangePropagator(const Propagation& propagation)
    : m_state(std::make_unique<State>(propagation)) {}
RangePropagator::~RangePropagator() = default;

bool RangePropagator::run(const GoldenActivations& golden, std::size_t image, std::size_t index,
                          std::uint64_t element, CodeRange range) {
  State& state = *m_state;
  state.reset();
  state.golden = &golden;
  state.image = image;
  State::Bounds& first = state.begin(state.model.operators[index].outputs[0]);
  first.low[element] = static_cast<std::uint8_t>(range.low);
  first.high[element] = static_cast<std::uint8_t>(range.high);
  first.places.push_back(static_cast<std::uint32_t>(element));
  for (std::size_t i = index + 1; i < state.model.operators.size(); ++i)
    if (!state.propagation.program().is_folded(i) && state.differs(state.model.operators[i]) &&
        !state.step(i))
      return false;
  return true;
}

CodeRange RangePropagator::bounds(int tensor, std::size_t element) const {
  const State::Bounds& bounds = m_state->bounds(tensor);
  const CodeType type = code_type(m_state->tensor(tensor));
  if (bounds.places.empty()) {
    const int code = code_of_byte(bytes(m_state->golden->tensor(tensor, m_state->image))[element], type);
    return {code, code};
  }
  return {code_of_byte(bounds.low[element], type), code_of_byte(bounds.high[element], type)};
}

}  // namespace qfi
